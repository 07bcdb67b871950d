// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/network_name.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "agent/decode/bytes.h"
#include "agent/decode/dns_answer.h"
#include "agent/decode/fields.h"
#include "agent/decode/server_name.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

using Bytes = std::span<const std::byte>;

/// The new tail, built beside the old one, and what it makes of the payload.
struct Found {
  name_payload payload;
  std::array<std::byte, EVENT_RAW_MAX> tail{};
  std::size_t size = 0;

  void append(Bytes bytes) {
    std::ranges::copy(bytes.first(std::min(bytes.size(), tail.size() - size)),
                      tail.begin() + static_cast<std::ptrdiff_t>(size));
    size += bytes.size();
  }
  /// At most once, and before the addresses.
  void name(std::string_view text) {
    append(std::as_bytes(std::span(text)));
    append(Bytes(std::array<std::byte, 1>{}));
    payload.name_size = static_cast<std::uint16_t>(size);
  }
};

/// Host names mean the same in either case, and some resolvers play with it against forgery.
std::string_view lower_case(std::string_view name, std::span<char> room) {
  const auto size = std::min(name.size(), room.size());
  std::ranges::transform(name.substr(0, size), room.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return {room.data(), size};
}

/// Printable, with nothing that ends a line or a word.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

void find_answer(Bytes message, Found& found) {
  const auto answer = read_dns_answer(message, (found.payload.flags & NAME_CUT) == 0);
  if (!answer) return;
  std::array<char, DnsAnswer::kNameMax> room{};
  found.name(lower_case(answer->name.data(), room));
  const std::size_t addresses = answer->address_count * address_size(answer->question_type);
  found.append(Bytes(answer->addresses).first(addresses));
  found.payload.address_count = answer->address_count;
  found.payload.question_type = answer->question_type;
  found.payload.answer_code = answer->answer_code;
  if (answer->cut) found.payload.flags |= NAME_CUT;
}

void find_server(Bytes hello, Found& found) {
  const std::string_view name = read_server_name(hello);
  if (name.empty() || !is_plain(name)) return;
  std::array<char, 256> room{};
  found.name(lower_case(name, room));
}

/// "METHOD path" of a request line. What follows the path is an argument, which may be a secret: of
/// it only the sign that begins it stays.
void find_request(Bytes sent, Found& found) {
  if (sent.empty()) return;
  // Without the last byte, so that a line that was cut has room for its NUL.
  const std::string_view text(reinterpret_cast<const char*>(sent.data()), sent.size() - 1);
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const std::size_t space = line.find(' ');
  const std::string_view method = line.substr(0, space);
  if (space == std::string_view::npos || method.empty()) return;
  if (!std::ranges::all_of(method, [](char c) { return c >= 'A' && c <= 'Z'; })) return;
  const std::string_view rest = line.substr(space + 1);
  const std::string_view target = rest.substr(0, rest.find(' '));
  const std::size_t argument = target.find_first_of("?#;");
  const std::string_view path =
      argument == std::string_view::npos ? target : target.substr(0, argument + 1);
  if (path.empty() || !is_plain(path)) return;
  found.name(line.substr(0, space + 1 + path.size()));
}

Found nothing_found(name_payload payload) {
  payload.flags &= ~static_cast<__u32>(NAME_RAW);
  payload.name_size = 0;
  return {.payload = payload};
}

void find(std::uint16_t kind, Bytes raw, Found& found) {
  switch (kind) {
    case EVENT_dns:
      return find_answer(raw, found);
    case EVENT_tls:
      return find_server(raw, found);
    default:
      return find_request(raw, found);
  }
}

}  // namespace

std::size_t take_network_name(std::span<std::byte> record) {
  Bytes rest = record;
  auto header = take<event_header>(rest);
  if (!header) return record.size();
  const bool named =
      header->kind == EVENT_dns || header->kind == EVENT_tls || header->kind == EVENT_http;
  const auto payload = named ? take<name_payload>(rest) : std::nullopt;
  if (!payload || (payload->flags & NAME_RAW) == 0) return record.size();
  if (header->size != record.size() || payload->name_size != rest.size()) return record.size();
  const Found none = nothing_found(*payload);
  Found found = none;
  find(header->kind, rest, found);
  if (found.size > rest.size()) found = none;  // written out it is longer: no name for people
  if (found.payload.name_size == 0) found.payload.flags |= NAME_NONE;
  header->size = static_cast<__u32>(sizeof(*header) + sizeof(*payload) + found.size);
  std::memcpy(record.data(), &*header, sizeof(*header));
  std::memcpy(record.data() + sizeof(*header), &found.payload, sizeof(found.payload));
  std::memcpy(record.data() + sizeof(*header) + sizeof(*payload), found.tail.data(), found.size);
  return header->size;
}

}  // namespace idtrail
