// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/event.h"

namespace idtrail {

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

/// How the process tree came into the container.
enum class Entry : std::uint8_t {
  kContainer,  // descends from the container's first process
  kEntered,    // came from outside: kubectl exec, an exec probe, nsenter
  kRuntime,    // the container runtime at work, still in the host's mount namespace
  kHost,       // not in a container
  kUnknown,    // its start was not seen
};
const char* entry_name(Entry entry);

/// The executable and lineage that act. Immutable once made; shared by a process's events.
struct Subject {
  std::string executable;  // path in the container, as the kernel resolved it
  std::string applet;      // last component of the name it was started by, where that differs
  std::string script;      // of an interpreter started through a script
  Origin origin = Origin::kUnknown;
  Entry entry = Entry::kUnknown;
  bool tty = false;
  bool lineage_complete = true;        // false where an ancestor's start was not seen
  std::vector<std::string> lineage;    // executables of the ancestors in the container, nearest first, at most three
  std::string entry_command;           // what an entered tree was started with, redacted
  std::uint64_t entry_hash = 0;        // of entry_command and the entry's executable; 0 unless entered
  FileId exe;
  /// Stable hash of executable, applet, script, origin, entry, lineage and, for entered trees,
  /// entry_hash: the same shell started by a person and by the application are two subjects.
  std::uint64_t hash = 0;
};

/// Fills Subject::hash. Call once, when the other fields stand.
void seal(Subject& subject);

/// "curl < sh < node": executable and lineage, for people. Quoted where bytes are not printable.
std::string display_name(const Subject& subject);

}  // namespace idtrail
