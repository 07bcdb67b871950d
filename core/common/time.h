// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace idtrail {

/// Event time of the pipeline: nanoseconds of CLOCK_BOOTTIME, as the kernel stamps records.
/// It has no now(): whoever needs the time takes it from the event.
struct BootClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;

/// Wall time of events: boot time plus an offset that is read once per start and recorded.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

inline BootTime boot_time(std::uint64_t boot_ns) {
  return BootTime(BootClock::duration(static_cast<std::int64_t>(boot_ns)));
}

/// Converts between the clocks; the offset is CLOCK_REALTIME minus CLOCK_BOOTTIME.
struct ClockOffset {
  std::chrono::nanoseconds wall_minus_boot{0};
  [[nodiscard]] WallTime wall(BootTime at) const {
    return WallTime(at.time_since_epoch() + wall_minus_boot);
  }
};

/// RFC 3339, UTC, nanoseconds: 2026-11-22T04:41:02.123456789Z.
std::string rfc3339(WallTime at);

}  // namespace idtrail
