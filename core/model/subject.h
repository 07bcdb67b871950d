// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/event.h"

namespace idtrail {

// g++ takes an enumerator of a scoped enum for a shadow of identity.h's kUnknown; it is none.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"

/// Where the executable's file came from.
enum class Origin : std::uint8_t {
  kImage,    // a lower layer of the container's overlay
  kUpper,    // written into the container after it was made
  kMemfd,    // memfd_create: no file system holds it
  kTmpfs,    // /dev/shm or another tmpfs
  kDeleted,  // no name left
  kVolume,   // another file system mounted into the container
  kHost,     // a process of the node itself
  kUnknown,  // its exec was not seen
};
const char* origin_name(Origin origin);

/// Not from the image: written, hidden or removed after the container was made. Never learned from.
constexpr bool is_drift(Origin origin) {
  return origin == Origin::kUpper || origin == Origin::kMemfd || origin == Origin::kTmpfs ||
         origin == Origin::kDeleted;
}

/// How the process tree came into the container.
enum class Entry : std::uint8_t {
  kContainer,  // descends from the container's first process
  kEntered,    // came from outside: kubectl exec, an exec probe, nsenter
  kRuntime,    // the container runtime at work, still in the host's mount namespace
  kHost,       // not in a container
  kUnknown,    // its start was not seen
};
#pragma GCC diagnostic pop
const char* entry_name(Entry entry);

/// The executable and lineage that act. Immutable once made; shared by a process's events.
struct Subject {
  std::string executable;  // path in the container, as the kernel resolved it
  std::string applet;      // last component of the name it was started by, where that differs
  std::string script;      // of an interpreter started through a script
  Origin origin = Origin::kUnknown;
  Entry entry = Entry::kUnknown;
  bool tty = false;
  bool lineage_complete = true;      // false where an ancestor's start was not seen
  std::vector<std::string> lineage;  // executables of the ancestors in the container, nearest
                                     // first, at most three
  std::string entry_command;         // what an entered tree was started with, redacted
  std::uint64_t entry_hash = 0;  // of entry_command and the entry's executable; 0 unless entered
  FileId exe{};
  /// Stable hash of executable, applet, script, origin, entry, lineage and, for entered trees,
  /// entry_hash: the same shell started by a person and by the application are two subjects.
  std::uint64_t hash = 0;
};

/// Fills Subject::hash. Call once, when the other fields stand.
void seal(Subject& subject);

/// "/bin/busybox (cat)", "/usr/bin/python3 /app/run.py": the executable as it was started, for
/// people. Escaped where bytes are not printable.
std::string program_name(const Subject& subject);

/// "curl < sh < node": executable and lineage, for people. Escaped where bytes are not printable.
std::string display_name(const Subject& subject);

}  // namespace idtrail
