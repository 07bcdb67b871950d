// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace idtrail {

/// "250ms", "60s", "15m", "24h", "7d"; nothing else, and nothing above a year.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
std::string duration_text(std::chrono::nanoseconds value);

/// "4096", "512KiB", "8MiB", "1GiB".
std::optional<std::uint64_t> parse_bytes(std::string_view text);
std::string bytes_text(std::uint64_t value);

}  // namespace idtrail
