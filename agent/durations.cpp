// SPDX-License-Identifier: Apache-2.0
#include "agent/durations.h"

#include <array>
#include <charconv>
#include <span>
#include <utility>

namespace idtrail {
namespace {

using std::chrono::nanoseconds;
using Unit = std::pair<std::string_view, std::uint64_t>;

constexpr std::uint64_t kYearNs = 366ULL * 86'400 * 1'000'000'000;
constexpr std::array<Unit, 5> kTimes{{{"d", 86'400'000'000'000},
                                      {"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000}}};
constexpr std::array<Unit, 4> kSizes{
    {{"GiB", 1U << 30U}, {"MiB", 1U << 20U}, {"KiB", 1U << 10U}, {"", 1}}};

/// A decimal number and one of the units.
std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units,
                                   std::uint64_t max) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, size] : units) {
    if (text == name) {
      return number <= max / size ? std::optional(number * size) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::string print(std::uint64_t value, std::span<const Unit> units) {
  for (const auto& [name, size] : units) {
    if (value != 0 && value % size == 0) return std::to_string(value / size) + std::string(name);
  }
  return std::to_string(value) + (units.front().first == "d" ? "s" : "");
}

}  // namespace

std::optional<nanoseconds> parse_duration(std::string_view text) {
  const auto value = parse(text, kTimes, kYearNs);
  if (!value) return std::nullopt;
  return nanoseconds(static_cast<std::int64_t>(*value));
}

std::string duration_text(nanoseconds value) {
  return print(static_cast<std::uint64_t>(value.count()), kTimes);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return parse(text, kSizes, 1ULL << 40U);
}

std::string bytes_text(std::uint64_t value) { return print(value, kSizes); }

}  // namespace idtrail
