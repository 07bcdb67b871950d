// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <fmt/format.h>
#include <sys/utsname.h>

namespace idtrail::bench {

/// A line of `make bench`: what tests/bench/budgets reads.
inline void print_result(const std::string& metric, const std::string& unit, double value,
                         double spread, const std::string& command) {
  utsname kernel{};
  uname(&kernel);
  fmt::print(
      R"({{"metric":"{}","value":{:.2f},"unit":"{}","kernel":"{}","spread":{:.2f},"command":"{}"}})"
      "\n",
      metric, value, unit, kernel.release, spread, command);
}

}  // namespace idtrail::bench
