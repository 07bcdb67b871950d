// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/kernel/sensor.h"

namespace idtrail::test {

/// A cgroup in the hierarchy that names containers, removed at the end.
class Cgroup {
 public:
  explicit Cgroup(const std::string& name);
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  /// The calling process goes in.
  void enter() const;
  void remove() const;
  /// Ends every process in it.
  void kill_all() const;
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] std::string operator/(const std::string& file) const { return place_ + "/" + file; }

 private:
  std::string place_;
  std::uint64_t id_ = 0;
};

std::optional<CgroupBooks> books_of(const Sensor& sensor, std::uint64_t cgroup);
/// What the books say that a hook has seen of a kind: the right side of the ledger's equation.
std::uint64_t sum(const std::array<std::uint64_t, OUTCOMES>& counts);
/// A sensor, or a failed test and the end of the program.
Sensor open_sensor(const SensorOptions& options);

}  // namespace idtrail::test
