// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What goes over the network, as its peers write it.
namespace idtrail::network {

/// A number of `bytes` bytes, most significant first.
inline std::string number(std::size_t value, std::size_t bytes = 2) {
  std::string out;
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
  return out;
}

inline std::string sized(std::string_view text, std::size_t bytes_of_size = 2) {
  return number(text.size(), bytes_of_size) + std::string(text);
}

/// A DNS name, uncompressed.
inline std::string dns_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out += sized(label, 1);
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out + '\0';
}

constexpr std::uint16_t kDnsA = 1;
constexpr std::uint16_t kDnsCname = 5;
constexpr std::uint16_t kDnsAaaa = 28;
constexpr std::uint16_t kDnsAnswer = 0x8180;

struct DnsRecord {
  std::uint16_t type;
  std::string data;
};

/// The answer to one question; every record is of the name that was asked for.
inline std::string dns_message(std::string_view name, std::uint16_t type,
                               const std::vector<DnsRecord>& records,
                               std::uint16_t flags = kDnsAnswer) {
  std::string out = number(7) + number(flags) + number(1) + number(records.size()) + number(0, 4) +
                    dns_name(name) + number(type) + number(1);
  for (const auto& record : records) {
    out += number(0xC00C) + number(record.type) + number(1) + number(60, 4) + sized(record.data);
  }
  return out;
}

/// A ClientHello; without the extension where `name` is empty.
inline std::string client_hello(std::string_view name, std::size_t padding = 20) {
  std::string extensions = number(21) + sized(std::string(padding, '\0'));
  if (!name.empty()) {
    extensions += number(0) + sized(sized(number(0, 1) + sized(name)));
  }
  const std::string body = number(0x303) + std::string(32, 'r') + sized(std::string(32, 's'), 1) +
                           sized(number(0x1301)) + sized(number(0, 1), 1) + sized(extensions);
  return number(22, 1) + number(0x301) + sized(number(1, 1) + sized(body, 3));
}

}  // namespace idtrail::network
