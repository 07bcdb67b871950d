// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/tcp_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace idtrail {
namespace {

constexpr std::size_t kDigitsV4 = 8;
constexpr std::size_t kDigitsV6 = 32;

/// What stands before the next space; spaces before it are skipped.
std::string_view take_field(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto field = line.substr(0, line.find(' '));
  line.remove_prefix(field.size());
  return field;
}

template <typename T>
bool number(std::string_view text, int base, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

/// "0100007F:0035": words of memory in hexadecimal, then the port.
bool endpoint(std::string_view text, std::array<std::uint8_t, 16>& address, std::uint16_t& port,
              bool& v4) {
  const auto colon = text.find(':');
  if (colon != kDigitsV4 && colon != kDigitsV6) return false;
  v4 = colon == kDigitsV4;
  for (std::size_t at = 0; at < colon; at += kDigitsV4) {
    std::uint32_t word = 0;
    if (!number(text.substr(at, kDigitsV4), 16, word)) return false;
    std::memcpy(address.data() + at / 2, &word, sizeof(word));
  }
  return number(text.substr(colon + 1), 16, port);
}

}  // namespace

std::optional<TcpSocket> parse_tcp(std::string_view line) {
  TcpSocket socket;
  bool peer_v4 = false;
  take_field(line);  // its number in the table
  if (!endpoint(take_field(line), socket.local, socket.local_port, socket.v4)) return std::nullopt;
  if (!endpoint(take_field(line), socket.peer, socket.peer_port, peer_v4)) return std::nullopt;
  if (socket.v4 != peer_v4 || !number(take_field(line), 16, socket.state)) return std::nullopt;
  for (int i = 0; i < 5; ++i) take_field(line);  // queues, timer, retransmissions, uid, time-out
  if (!number(take_field(line), 10, socket.inode)) return std::nullopt;
  return socket;
}

TcpTable parse_tcp_table(std::string_view text, std::size_t max) {
  TcpTable table;
  text.remove_prefix(std::min(text.find('\n'), text.size()));
  while (!text.empty()) {
    text.remove_prefix(1);
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size());
    if (line.empty()) continue;
    const auto socket = table.sockets.size() < max ? parse_tcp(line) : std::nullopt;
    if (socket) {
      table.sockets.push_back(*socket);
    } else {
      ++table.refused;
    }
  }
  return table;
}

}  // namespace idtrail
