// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "idtrail/events.h"

namespace idtrail {

/// What a DNS answer says to the question that it repeats.
struct DnsAnswer {
  static constexpr std::size_t kNameMax = 255;  // a name of DNS, written out, has no more bytes

  std::array<char, kNameMax + 1> name{};  // as it came, NUL-terminated
  std::uint16_t question_type = 0;        // A is 1, AAAA is 28
  std::uint16_t answer_code = 0;          // RCODE
  std::uint16_t address_count = 0;
  bool cut = false;  // it held more addresses, or not all of it was there
  std::array<std::byte, std::size_t{EVENT_ADDRESSES_MAX} * 16> addresses{};  // one behind the other
};

/// Reads one; nothing where it is no answer to a single question. `whole` is false for the
/// beginning of a message: then the addresses that lie in it are taken, at least the name. Takes
/// any bytes; allocates nothing.
std::optional<DnsAnswer> read_dns_answer(std::span<const std::byte> message, bool whole);

}  // namespace idtrail
