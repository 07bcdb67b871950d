// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "agent/kernel/sensor.h"
#include "agent/self_test.h"
#include "agent/self_watch.h"
#include "agent/sources/file.h"
#include "core/common/result.h"

namespace idtrail {

/// The running agent's care for itself: the self-test and the watch over what others do to it.
/// Agent thread.
class Guard {
 public:
  /// What must be there before the first thread.
  struct Parts {
    SelfTestHelper helper;
    Fd continued;  // a signalfd(2) of SIGCONT
  };
  static Result<Parts> prepare();

  using Feed = std::function<void(const v1::Fact&)>;
  /// The sensor outlives it.
  Guard(Sensor& sensor, Parts parts, Feed feed);

  [[nodiscard]] std::uint32_t helper_tgid() const { return parts_.helper.tgid(); }
  bool on_record(std::span<const std::byte> record) { return test_.on_record(record); }
  /// Once a round, when the rings have been read; CLOCK_BOOTTIME in nanoseconds.
  void look(std::uint64_t now);
  [[nodiscard]] std::uint64_t tests_passed() const { return test_.passed(); }
  /// What should be 0.
  void add_counters(std::map<std::string, std::uint64_t>& counters) const;

 private:
  Parts parts_;
  SelfTest test_;
  SelfWatch watch_;
};

}  // namespace idtrail
