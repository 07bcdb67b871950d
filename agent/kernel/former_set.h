// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/kernel/handles.h"
#include "agent/kernel/mapped.h"
#include "agent/kernel/reader.h"
#include "idtrail/control.h"

namespace idtrail {

/// What a set of programs leaves to the one that takes over from it: records that nobody has read,
/// and books.
class FormerSet {
 public:
  /// `folder` holds the set's maps. One of another wire contract cannot be understood: its records
  /// are only counted.
  FormerSet(const std::string& folder, bool same_wire);

  /// Hands over what is in its rings.
  std::size_t drain(const Reader::RecordFn& on_record);
  void books(const std::function<void(std::uint64_t, const cgroup_row&)>& each) const;
  /// Limited and dropped, of all kinds.
  [[nodiscard]] std::uint64_t losses() const;
  /// Known events that were counted with their verdicts and not yet harvested.
  [[nodiscard]] std::uint64_t unharvested() const;
  /// Takes out and counts the records of another wire contract, once its programs are gone.
  std::uint64_t count_unreadable();
  [[nodiscard]] std::uint64_t handed_again() const;

 private:
  Fd urgent_;
  Fd bulk_;
  Fd cgroups_;
  Fd losses_;
  Mapped known_;                    // empty: another contract
  std::unique_ptr<Reader> reader_;  // null: another contract, or a set that was never complete
};

}  // namespace idtrail
