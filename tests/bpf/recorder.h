// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/kernel/sensor.h"
#include "idtrail/events.h"

namespace idtrail::test {

/// One record, copied out of the ring.
struct Record {
  event_header header{};
  std::vector<std::byte> body;  // payload and tail

  template <typename T>
  [[nodiscard]] T payload() const {
    T value{};
    EXPECT_GE(body.size(), sizeof(T));
    std::memcpy(&value, body.data(), std::min(sizeof(T), body.size()));
    return value;
  }
  /// The tail from `offset`, `bytes` long.
  [[nodiscard]] std::string tail(std::size_t payload_bytes, std::size_t offset,
                                 std::size_t bytes) const;
};
using Records = std::vector<Record>;

/// Everything that is in the ring now.
Records drain(Sensor& sensor);
/// Those of one kind and process; tgid 0: of any.
Records select(const Records& records, event_kind kind, std::uint32_t tgid = 0);

/// Nanoseconds of CLOCK_BOOTTIME.
std::uint64_t boot_now_ns();

/// The sensor that most tests share: opening one takes a second in an emulated machine.
Sensor& shared_sensor();
void close_shared_sensor();

/// The cgroup of this process, made for the run.
std::uint64_t own_cgroup_id();
/// Where the hierarchy is mounted whose cgroups name containers.
const std::string& cgroup_root();

/// As the kernel keeps it: major << 20 | minor.
std::uint32_t kernel_device(std::uint64_t st_dev);

/// Starts with an empty ring, so that a test sees its own records only.
class ProbeTest : public testing::Test {
 protected:
  void SetUp() override { drain(shared_sensor()); }
  static Records seen() { return drain(shared_sensor()); }
};

}  // namespace idtrail::test
