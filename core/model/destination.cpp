// SPDX-License-Identifier: Apache-2.0
#include "core/model/destination.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include "core/common/hash.h"
#include "core/common/text.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

Reach reach_v4(const std::array<std::uint8_t, 16>& a) {
  if (a[0] == 127 || a[0] == 0) return Reach::kLoopback;
  if (a[0] == 169 && a[1] == 254) return Reach::kLinkLocal;
  const bool rfc1918 =
      a[0] == 10 || (a[0] == 172 && (a[1] & 0xF0U) == 16) || (a[0] == 192 && a[1] == 168);
  const bool carrier_nat = a[0] == 100 && (a[1] & 0xC0U) == 64;
  return rfc1918 || carrier_nat ? Reach::kPrivate : Reach::kPublic;
}

Reach reach_v6(const std::array<std::uint8_t, 16>& a) {
  const bool zero_but_last =
      std::all_of(a.begin(), a.end() - 1, [](auto byte) { return byte == 0; });
  if (zero_but_last && a[15] <= 1) return Reach::kLoopback;
  if (a[0] == 0xFE && (a[1] & 0xC0U) == 0x80) return Reach::kLinkLocal;
  return (a[0] & 0xFEU) == 0xFC ? Reach::kPrivate : Reach::kPublic;
}

}  // namespace

const char* reach_name(Reach reach) {
  switch (reach) {
    case Reach::kLoopback:
      return "loopback";
    case Reach::kLinkLocal:
      return "link-local";
    case Reach::kPrivate:
      return "private";
    case Reach::kPublic:
      return "public";
  }
  return "unknown";
}

Destination destination_of(const Connect& connect) {
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  Destination out{.port = connect.destination_port, .protocol = connect.protocol};
  const auto& from = connect.destination;
  const bool mapped = connect.family == AF_INET6 &&
                      std::equal(std::begin(kMapped), std::end(kMapped), from.begin());
  out.v4 = connect.family != AF_INET6 || mapped;
  if (out.v4) {
    std::copy_n(from.begin() + (mapped ? 12 : 0), 4, out.address.begin());
  } else {
    out.address = from;
  }
  out.reach = out.v4 ? reach_v4(out.address) : reach_v6(out.address);
  return out;
}

std::string address_text(const Destination& destination) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(destination.v4 ? AF_INET : AF_INET6, destination.address.data(), text.data(),
            text.size());
  return text.data();
}

std::string protocol_name(std::uint16_t protocol) {
  if (protocol == IPPROTO_TCP) return "tcp";
  if (protocol == IPPROTO_UDP) return "udp";
  return fmt::format("protocol {}", protocol);
}

std::string display_name(const Destination& destination) {
  const std::string address = address_text(destination);
  return fmt::format("{} {}:{}", protocol_name(destination.protocol),
                     destination.v4 ? address : "[" + address + "]", destination.port);
}

std::string connect_result(const Connect& connect) {
  if ((connect.flags & CONNECT_RESULT_UNKNOWN) != 0) return "unknown";
  if (connect.result == 0) return "connected";
  if (connect.result == -EINPROGRESS) return "in-progress";
  return errno_name(connect.result);
}

std::uint64_t destination_hash(const Destination& destination) {
  const std::uint64_t end = std::uint64_t{destination.protocol} << 32U |
                            std::uint64_t{destination.v4} << 16U | destination.port;
  if (destination.reach == Reach::kLoopback) {
    constexpr std::uint64_t kLoopbackClass = 0x6C6F6F706261636BULL;
    return hash_combine(kLoopbackClass,
                        std::uint64_t{destination.protocol} << 32U | destination.port);
  }
  std::uint64_t words[2];
  std::memcpy(words, destination.address.data(), sizeof(words));
  return hash_combine(hash_combine(words[0], words[1]), end);
}

}  // namespace idtrail
