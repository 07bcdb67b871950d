// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/subject_parts.h"

#include "core/common/hash.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr std::string_view kDeletedMark = " (deleted)";  // d_path() of a file without a name

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// The name that fexecve() leaves tells nothing.
bool names_a_descriptor(std::string_view filename) {
  return filename.starts_with("/dev/fd/") || filename.starts_with("/proc/");
}

Origin origin_of(const Exec& exec, const Place& place, Entry entry) {
  if (!place.is_container()) return Origin::kHost;
  if ((exec.flags & EXEC_MEMFD) != 0) return Origin::kMemfd;
  if (entry == Entry::kRuntime) return Origin::kHost;
  if ((exec.flags & EXEC_DELETED) != 0) return Origin::kDeleted;
  if ((exec.flags & EXEC_TMPFS) != 0) return Origin::kTmpfs;
  if ((exec.flags & EXEC_UPPER) != 0) return Origin::kUpper;
  return (exec.flags & EXEC_OVERLAY) != 0 ? Origin::kImage : Origin::kVolume;
}

Origin origin_of(const v1::ProcessFact& fact, const Place& place) {
  if (!place.is_container()) return Origin::kHost;
  const std::string_view path = fact.executable();
  if (path.starts_with("/memfd:")) return Origin::kMemfd;
  if (fact.host_mount_namespace()) return Origin::kHost;
  if (path.ends_with(kDeletedMark)) return Origin::kDeleted;
  return fact.exe_on_overlay() ? Origin::kImage : Origin::kVolume;
}

}  // namespace

SubjectParts parts_of(const Exec& exec, const Place& place, Entry entry) {
  SubjectParts parts{.executable = exec.path,
                     .origin = origin_of(exec, place, entry),
                     .entry = entry,
                     .tty = (exec.flags & EXEC_TTY) != 0,
                     .exe = exec.exe};
  if ((exec.flags & EXEC_DELETED) != 0 && parts.executable.ends_with(kDeletedMark)) {
    parts.executable.remove_suffix(kDeletedMark.size());
  }
  if ((exec.flags & EXEC_SCRIPT) != 0) {
    parts.script = exec.filename;
  } else if (!names_a_descriptor(exec.filename)) {
    const std::string_view name = base_name(exec.filename);
    if (name != base_name(parts.executable)) parts.applet = name;
  }
  return parts;
}

SubjectParts parts_of(const v1::ProcessFact& fact, const Place& place) {
  SubjectParts parts{.executable = fact.executable(),
                     .origin = origin_of(fact, place),
                     .tty = fact.tty(),
                     .lineage_complete = false,
                     .exe = {.inode = fact.exe_inode(), .device = fact.exe_device()}};
  if (parts.executable.ends_with(kDeletedMark)) parts.executable.remove_suffix(kDeletedMark.size());
  if (parts.executable.empty()) parts.executable = kUnknown;
  return parts;
}

SubjectParts parts_of(const Subject& subject) {
  return {.executable = subject.executable,
          .applet = subject.applet,
          .script = subject.script,
          .origin = subject.origin,
          .entry = subject.entry,
          .tty = subject.tty,
          .lineage_complete = subject.lineage_complete,
          .exe = subject.exe,
          .parent = nullptr,
          .entry_command = subject.entry_command,
          .entry_hash = subject.entry_hash};
}

std::uint64_t entry_hash_of(std::string_view executable, std::string_view arguments) {
  const std::uint64_t hash = hash_fields({executable, arguments});
  return hash != 0 ? hash : 1;
}

}  // namespace idtrail
