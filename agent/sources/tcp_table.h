// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace idtrail {

/// One line of /proc/PID/net/tcp or tcp6, as far as we need it.
struct TcpSocket {
  std::array<std::uint8_t, 16> local{};  // network order, IPv4 in the first four bytes
  std::array<std::uint8_t, 16> peer{};
  std::uint16_t local_port = 0;
  std::uint16_t peer_port = 0;
  bool v4 = true;
  std::uint8_t state = 0;   // enum of the kernel's tcp_states.h
  std::uint64_t inode = 0;  // of the socket; 0 where no process holds it
  bool operator==(const TcpSocket&) const = default;
};

inline constexpr std::uint8_t kTcpEstablished = 1;
inline constexpr std::uint8_t kTcpListen = 10;

/// Nothing where the line does not have the form of proc(5): the heading, for one.
std::optional<TcpSocket> parse_tcp(std::string_view line);

struct TcpTable {
  std::vector<TcpSocket> sockets;
  std::size_t refused = 0;  // lines that were malformed or found no room
};

/// All of a table's lines but the heading, of at most `max` sockets.
TcpTable parse_tcp_table(std::string_view text, std::size_t max);

}  // namespace idtrail
