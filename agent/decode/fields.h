// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "agent/decode/bytes.h"
#include "core/model/event.h"
#include "idtrail/events.h"

// What the payloads of several kinds have in common.
namespace idtrail {

using Bytes = std::span<const std::byte>;

inline FileId file_of(const file_id& file) {
  return {.inode = file.inode, .device = file.device, .generation = file.generation};
}

inline ProcessKey process_of(std::uint32_t tgid, std::uint64_t start_boot_ns) {
  return {.tgid = tgid, .started = boot_time(start_boot_ns)};
}

/// Which program acted, and by whom it was started.
template <typename Payload, typename Body>
void take_actor(const Payload& payload, Body& body) {
  body.exe = file_of(payload.exe);
  body.parent = process_of(payload.parent_tgid, payload.parent_start_boot_ns);
}

/// Takes `size` bytes of tail, of at most `max`.
inline bool take_bytes(Bytes& tail, std::size_t size, std::size_t max, std::string_view& text) {
  text = {};
  if (size > max || size > tail.size()) return false;
  if (size != 0) text = std::string_view(reinterpret_cast<const char*>(tail.data()), size);
  tail = tail.subspan(size);
  return true;
}

/// Takes text of size - 1 bytes and its NUL; nothing where size is 0.
inline bool take_text(Bytes& tail, std::size_t size, std::size_t max, std::string_view& text) {
  if (!take_bytes(tail, size, max, text)) return false;
  if (text.empty()) return true;
  if (text.find('\0') != size - 1) return false;
  text.remove_suffix(1);
  return true;
}

/// Takes the argument block as it lay in memory: NULs between, and one at the end unless it was
/// cut.
inline bool take_arguments(Bytes& tail, std::size_t size, std::string_view& text) {
  if (!take_bytes(tail, size, EVENT_ARGS_MAX, text)) return false;
  if (text.ends_with('\0')) text.remove_suffix(1);
  return true;
}

/// The text of a fixed field of the payload, which starts at `offset` of the record.
inline bool fixed_text(Bytes record, std::size_t offset, std::string_view& text) {
  const auto* start = reinterpret_cast<const char*>(record.data() + offset);
  const void* end = std::memchr(start, 0, EVENT_NAME_MAX);
  if (end == nullptr) return false;
  text = std::string_view(start, static_cast<std::size_t>(static_cast<const char*>(end) - start));
  return true;
}

/// Bytes of an address in the answer to a DNS question of this type; 0 where it asks for none.
constexpr std::size_t address_size(std::uint16_t question_type) {
  constexpr std::uint16_t kA = 1;
  constexpr std::uint16_t kAaaa = 28;
  if (question_type == kA) return 4;
  return question_type == kAaaa ? 16 : 0;
}

}  // namespace idtrail
