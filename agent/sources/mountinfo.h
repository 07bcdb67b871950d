// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace idtrail {

/// One line of /proc/PID/mountinfo, as far as we need it.
struct Mount {
  std::uint64_t id = 0;
  std::uint32_t device = 0;  // as the kernel keeps it: major << 20 | minor
  std::string root;          // of the mount in its file system
  std::string point;         // where it is mounted, unescaped
  std::string fs_type;
  bool operator==(const Mount&) const = default;
};

/// Nothing where the line does not have the form of proc(5).
std::optional<Mount> parse_mount(std::string_view line);

struct MountTable {
  bool complete = false;    // read to its end
  std::size_t refused = 0;  // lines that were malformed or longer than a page allows
};

/// Reads a mount table from its start and gives each mount of a memory file system to `each`.
/// Bounded: 64 MiB, 16 KiB a line.
MountTable read_mounts(int fd, const std::function<void(Mount)>& each);

}  // namespace idtrail
