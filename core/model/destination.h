// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/model/event.h"

namespace idtrail {

/// How far away an address is, whoever owns it.
enum class Reach : std::uint8_t {
  kLoopback,   // also the unspecified address, which connects to the own host
  kLinkLocal,  // cloud metadata among them
  kPrivate,    // RFC 1918, RFC 6598, unique local
  kPublic,
};
const char* reach_name(Reach reach);

/// Where a connect went. IPv4-mapped IPv6 addresses are IPv4.
struct Destination {
  std::array<std::uint8_t, 16> address{};  // IPv4 in the first four bytes, the rest zero
  bool v4 = true;
  Reach reach = Reach::kPublic;
  std::uint16_t port = 0;
  std::uint16_t protocol = 0;
};
Destination destination_of(const Connect& connect);

std::string address_text(const Destination& destination);
/// "tcp", "udp" or "protocol 132".
std::string protocol_name(std::uint16_t protocol);
/// "tcp 10.96.0.1:443", "udp [fd00::1]:53": for people.
std::string display_name(const Destination& destination);
/// "connected", "in-progress", "unknown", or the error's name.
std::string connect_result(const Connect& connect);

/// Stable hash of what a baseline keeps: protocol, address and port; one class for loopback,
/// whatever its address.
std::uint64_t destination_hash(const Destination& destination);

}  // namespace idtrail
