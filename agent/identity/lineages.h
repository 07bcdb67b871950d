// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/identity/flat_map.h"
#include "agent/identity/subjects.h"
#include "core/model/event.h"

namespace idtrail {

/// What a process is, apart from which one: what it runs, whom it descends from, how its tree came
/// into its container.
struct Descent {
  std::uint64_t place = 0;  // Place::serial where it was last seen
  bool place_known = true;
  SubjectPtr subject{};   // never null; after a fork the parent's
  SubjectPtr ancestor{};  // nearest ancestor's in the same place; null at the boundary
  Entry entry = Entry::kUnknown;
  bool start_seen = true;    // false: lineage has a hole here
  bool exe_stated = true;    // false: from stat(2), which on an overlay says other numbers
  bool host_mntns = false;   // as its last exec, or its parent's, had it
  bool awaits_exec = false;  // entered, but has not yet run a program in its own mount namespace
};

/// What is known of each lineage that the kernel half named. Bounded: those that were not looked at
/// since half of the room was filled anew are forgotten; their processes are then unknown until
/// they run another program.
class Lineages {
 public:
  static constexpr std::size_t kHalf = 16384;

  explicit Lineages(std::size_t half = kHalf) : half_(half) {}

  /// Until the next call. Null where it is not known.
  [[nodiscard]] const Descent* find(LineageId lineage);
  /// As `what` is now. What stood there before is kept, unless its start was not seen and this
  /// one's was, or its place had not become known yet.
  void put(LineageId lineage, const Descent& what);
  /// How often half of them were forgotten.
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

 private:
  std::size_t half_;
  std::uint64_t turns_ = 0;
  FlatMap<Descent> young_;
  FlatMap<Descent> old_;
};

}  // namespace idtrail
