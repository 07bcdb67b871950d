// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/baseline/key_table.h"
#include "core/model/observation.h"

namespace idtrail {

/// One behaviour that is normal. Texts are numbers of pieces in its set.
struct Behaviour {
  std::uint64_t key = 0;
  std::int64_t first_seen_ns = 0;  // wall time
  std::int64_t last_seen_ns = 0;
  std::uint64_t count = 0;
  std::uint32_t subject = 0;  // serialised v1::SubjectRef
  std::uint32_t object = 0;
  std::uint32_t image_digest = 0;
  std::uint32_t pod = 0;
  std::uint32_t next_dirty = 0;
  Family family = Family::kNone;
  bool dirty = false;
};

/// A behaviour with its texts, on its way in.
struct NewBehaviour {
  std::uint64_t key = 0;
  Family family = Family::kNone;
  std::string_view subject;
  std::string_view object;
  std::string_view image_digest;
  std::string_view pod;
  std::int64_t first_seen_ns = 0;
  std::int64_t last_seen_ns = 0;
  std::uint64_t count = 1;
};

/// The behaviours of one identity: bounded in bytes, found by hash, never removed.
class BehaviourSet {
 public:
  /// `reserved_bytes` of the bound belong to the rest of the identity's state.
  BehaviourSet(std::size_t max_bytes, std::size_t reserved_bytes);

  /// Null where it holds none.
  [[nodiscard]] Behaviour* find(std::uint64_t key);
  /// Null, and counted, where there is no room; `one.key` must not be there yet.
  Behaviour* add(const NewBehaviour& one);
  /// Lets another key find the same behaviour. Without effect where there is no room.
  void alias(std::uint64_t key, const Behaviour& behaviour);

  /// Counts more occurrences, the last of them then.
  void touch(Behaviour& behaviour, std::int64_t at_ns, std::uint64_t count = 1);
  /// It is new or has changed: take_dirty() will hand it out.
  void mark(Behaviour& behaviour);

  /// Calls `each` for what changed since the last call, and forgets that it changed.
  template <typename Each>
  void take_dirty(Each each) {
    while (dirty_ != KeyTable::kNone) {
      Behaviour& behaviour = behaviours_[dirty_];
      dirty_ = behaviour.next_dirty;
      behaviour.dirty = false;
      each(behaviour);
    }
  }

  [[nodiscard]] std::span<Behaviour> all() { return behaviours_; }
  [[nodiscard]] std::span<const Behaviour> all() const { return behaviours_; }
  [[nodiscard]] std::string_view text(std::uint32_t piece) const;
  /// The number of the piece with this text; kNone where there is none.
  [[nodiscard]] std::uint32_t piece(std::string_view text) const;

  [[nodiscard]] std::size_t bytes() const;
  /// Behaviours that found no room.
  [[nodiscard]] std::uint64_t overflow() const { return overflow_; }

 private:
  struct Piece {
    std::uint64_t hash = 0;
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };

  [[nodiscard]] bool fits(const NewBehaviour& one) const;
  std::uint32_t intern(std::string_view text);

  std::size_t max_bytes_;
  std::size_t reserved_bytes_;
  std::vector<Behaviour> behaviours_;
  std::vector<Piece> pieces_;
  std::vector<char> arena_;
  KeyTable table_;
  std::uint32_t dirty_ = KeyTable::kNone;
  std::uint64_t overflow_ = 0;
};

}  // namespace idtrail
