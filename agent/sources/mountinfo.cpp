// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/mountinfo.h"

#include <array>
#include <cerrno>
#include <charconv>

#include <unistd.h>

#include "agent/sources/file.h"

namespace idtrail {
namespace {

constexpr std::size_t kMaxTable = 64U << 20U;  // bytes
constexpr std::size_t kMaxLine = 16U << 10U;   // bytes; an overlay's options are long

std::string_view take_field(std::string_view& line) {
  const auto end = line.find(' ');
  const auto field = line.substr(0, end);
  line = end == std::string_view::npos ? "" : line.substr(end + 1);
  return field;
}

template <typename T>
bool number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// The kernel writes space, tab, line feed and backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size() && text[at + 1] <= '3' && is_octal(text[at + 1]) &&
        is_octal(text[at + 2]) && is_octal(text[at + 3])) {
      plain.push_back(static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                                        (text[at + 3] - '0')));
      at += 3;
    } else {
      plain.push_back(text[at]);
    }
  }
  return plain;
}

}  // namespace

std::optional<Mount> parse_mount(std::string_view line) {
  Mount mount;
  std::uint64_t parent = 0;
  if (!number(take_field(line), mount.id) || !number(take_field(line), parent)) return std::nullopt;
  const auto device = take_field(line);
  const auto colon = device.find(':');
  std::uint32_t major_number = 0;
  std::uint32_t minor_number = 0;
  if (colon == std::string_view::npos || !number(device.substr(0, colon), major_number) ||
      !number(device.substr(colon + 1), minor_number)) {
    return std::nullopt;
  }
  mount.device = kernel_device(major_number, minor_number);
  mount.root = unescape(take_field(line));
  mount.point = unescape(take_field(line));
  take_field(line);  // mount options
  // Any number of optional fields, then a lone dash.
  for (auto field = take_field(line); field != "-"; field = take_field(line)) {
    if (field.empty() && line.empty()) return std::nullopt;
  }
  mount.fs_type = take_field(line);
  if (mount.point.empty() || mount.point.front() != '/' || mount.fs_type.empty())
    return std::nullopt;
  return mount;
}

MountTable read_mounts(int fd, const std::function<void(Mount)>& each) {
  MountTable table;
  if (lseek(fd, 0, SEEK_SET) != 0) return table;
  std::array<char, 16384> chunk{};
  std::string line;
  bool too_long = false;
  for (std::size_t total = 0; total < kMaxTable;) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return table;
    if (got == 0) {
      table.complete = true;
      return table;
    }
    total += static_cast<std::size_t>(got);
    for (const char c : std::string_view(chunk.data(), static_cast<std::size_t>(got))) {
      if (c != '\n') {
        too_long = too_long || line.size() == kMaxLine;
        if (!too_long) line.push_back(c);
        continue;
      }
      auto mount = too_long ? std::nullopt : parse_mount(line);
      if (!mount) ++table.refused;
      if (mount && (mount->fs_type == "tmpfs" || mount->fs_type == "ramfs"))
        each(std::move(*mount));
      line.clear();
      too_long = false;
    }
  }
  return table;
}

}  // namespace idtrail
