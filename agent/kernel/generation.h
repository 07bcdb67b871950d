// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kernel/pins.h"
#include "agent/kernel/shared_maps.h"

namespace idtrail {

/// The set of programs that this agent works with, and those that agents before it left.
class Generation {
 public:
  /// One that ends with the agent.
  Generation() = default;
  /// What stands in the folder of the BPF file system: the set that reports is taken over if it is
  /// of this shape, else a new one is begun. Errors as of Pins::open().
  static Result<Generation> open(const std::string& folder, std::uint64_t shape);

  [[nodiscard]] bool outlives_agent() const { return pins_.has_value(); }
  [[nodiscard]] bool taken_over() const { return taken_over_; }
  [[nodiscard]] std::uint32_t epoch() const { return ours_.epoch; }
  [[nodiscard]] SharedMaps::Place maps() const;
  /// Where a probe's programs and links have their names.
  [[nodiscard]] std::string probe(std::string_view name) const;

  /// Sets that reported before ours.
  [[nodiscard]] const std::vector<PinnedSet>& former() const { return former_; }
  [[nodiscard]] std::string maps_of(const PinnedSet& set) const;
  /// Takes the programs of a former set out of the kernel; its maps stay.
  Result<void> stop(const PinnedSet& set) const;
  Result<void> remove(const PinnedSet& set) const;

 private:
  Result<void> sort_out(std::uint64_t reporting);

  std::optional<Pins> pins_;
  PinnedSet ours_{.epoch = 1};
  bool taken_over_ = false;
  std::vector<PinnedSet> former_;
};

}  // namespace idtrail
