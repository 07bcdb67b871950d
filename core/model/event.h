// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <variant>

#include "core/common/time.h"
#include "core/model/gap.h"

namespace idtrail {

enum class CgroupId : std::uint64_t {};

/// What a process runs, how it was started and whom it descends from, in one number of the kernel
/// half (bpf/lib/process.h); 0 where it keeps none.
enum class LineageId : std::uint64_t {};

/// What a file is, whatever path led to it (include/idtrail/events.h: struct file_id).
struct FileId {
  std::uint64_t inode = 0;
  std::uint32_t device = 0;
  std::uint32_t generation = 0;
  bool operator==(const FileId&) const = default;
};

/// Process ids are reused, so a process is (tgid, start time).
struct ProcessKey {
  std::uint32_t tgid = 0;
  BootTime started{};
  bool operator==(const ProcessKey&) const = default;
};

struct CgroupChanged {
  CgroupId id{};
  CgroupId parent{};
  bool removed = false;
  std::string_view path;  // below the hierarchy's root; empty when removed
};

struct MountChanged {
  std::uint32_t device = 0;
  bool gone = false;
};

struct Exec {
  FileId exe;
  LineageId ancestor{};  // the nearest one's; EXEC_FROM_OWN in flags: the process's own until now
  ProcessKey parent;
  std::uint32_t uid = 0;
  std::uint32_t flags = 0;    // enum exec_flag
  std::string_view path;      // of the executable, as the kernel resolved it
  std::string_view filename;  // as it was asked for; the script where flags say so
  std::string_view cwd;
  std::string_view arguments;  // NUL between arguments, none at the end; redacted
};

struct Fork {
  ProcessKey child;
  CgroupId child_cgroup{};
};

struct Exit {
  std::int32_t code = 0;  // as wait(2) reports it
};

struct CredentialRead {
  FileId file;
  FileId exe;
  ProcessKey parent;
  std::uint32_t open_flags = 0;
  std::uint32_t flags = 0;  // enum credential_flag
  std::uint32_t volume_generation = 0;
  std::string_view name;  // last path component
  std::string_view dir;   // the component before it; empty at the volume's root
  // Of EVENT_keyfile, where no volume but the name tells that it is a credential.
  std::uint16_t sort = 0;  // enum key_sort; 0: a file of a volume
  std::string_view path;
  std::int32_t result = 0;  // 0 or a negative errno
  std::uint32_t target_tgid = 0;
  LineageId target_lineage{};
};

struct Connect {
  FileId exe;
  ProcessKey parent;
  std::int32_t result = 0;                     // 0 or a negative errno
  std::uint32_t flags = 0;                     // enum connect_flag
  std::array<std::uint8_t, 16> destination{};  // network order, IPv4 in the first four
  std::array<std::uint8_t, 16> source{};
  std::uint16_t destination_port = 0;  // host order
  std::uint16_t source_port = 0;
  std::uint16_t family = 0;
  std::uint16_t protocol = 0;
};

/// Something that gains or uses a privilege; Event::kind tells what. The fields that depend on it
/// are explained in include/idtrail/events.h.
struct PrivilegeUse {
  FileId exe;
  ProcessKey parent;
  std::int32_t result = 0;  // 0 or a negative errno
  std::uint32_t flags = 0;
  std::uint32_t uid = 0;
  std::uint32_t target_tgid = 0;
  std::uint16_t op = 0;
  std::uint16_t marks = 0;  // enum privilege_mark
  std::array<std::uint64_t, 2> arguments{};
  std::string_view name;
};

struct Listen {
  FileId exe;
  ProcessKey parent;
  std::int32_t result = 0;               // 0 or a negative errno
  std::uint32_t flags = 0;               // enum socket_flag
  std::array<std::uint8_t, 16> local{};  // as in Connect
  std::uint16_t local_port = 0;
  std::uint16_t family = 0;
  std::uint16_t protocol = 0;
  std::uint32_t backlog = 0;
};

struct Accept {
  FileId exe;
  ProcessKey parent;
  std::int32_t result = 0;              // 0 or a negative errno
  std::uint32_t flags = 0;              // enum socket_flag
  std::array<std::uint8_t, 16> peer{};  // as in Connect; zero after a failure
  std::array<std::uint8_t, 16> local{};
  std::uint16_t peer_port = 0;
  std::uint16_t local_port = 0;
  std::uint16_t family = 0;
  std::uint16_t protocol = 0;
};

struct UnixConnect {
  FileId exe;
  FileId file;  // of the peer's socket; zero where it has none
  ProcessKey parent;
  std::int32_t result = 0;     // 0 or a negative errno
  std::uint32_t flags = 0;     // enum unix_flag
  std::uint16_t type = 0;      // SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
  std::string_view name;       // as it was asked for; an abstract one begins with NUL
  std::string_view path;       // where the peer is bound; empty where abstract or not reached
  std::uint64_t name_key = 0;  // of the name in the kernel's cache of verdicts
};

/// A connection that has ended, or goes on (FLOW_OPEN): then these are the totals so far, and the
/// next one of it replaces them. The event's process is the one that opened it.
struct Flow {
  FileId exe;
  ProcessKey parent;
  std::uint32_t flags = 0;  // enum flow_flag
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::chrono::nanoseconds duration{};
  std::array<std::uint8_t, 16> peer{};  // as in Connect
  std::array<std::uint8_t, 16> local{};
  std::uint16_t peer_port = 0;
  std::uint16_t local_port = 0;
  std::uint16_t family = 0;
  std::uint16_t protocol = 0;
};

struct Write {
  FileId exe;
  FileId file;  // zero where the name is new
  ProcessKey parent;
  std::uint32_t open_flags = 0;
  std::uint32_t flags = 0;  // enum write_flag
  std::uint16_t op = 0;     // enum write_op
  std::uint16_t place = 0;  // enum write_place
  std::string_view path;
};

/// A name that went over the network in clear; Event::kind tells whether a DNS answer, a TLS
/// client or an HTTP request to a metadata address named it.
struct NetworkName {
  FileId exe;
  ProcessKey parent;
  std::uint32_t flags = 0;              // enum name_flag
  std::array<std::uint8_t, 16> peer{};  // the server; as in Connect
  std::array<std::uint8_t, 16> local{};
  std::uint16_t peer_port = 0;
  std::uint16_t local_port = 0;
  std::uint16_t family = 0;
  std::uint16_t question_type = 0;  // of DNS, with the next two
  std::uint16_t answer_code = 0;
  std::string_view addresses;  // bytes in network order: 4 each, 16 where AAAA was asked for
  std::string_view name;       // empty where none was found
};

/// The first time that its cgroup makes a system call, as far as the kernel half remembers.
struct SystemCall {
  FileId exe;
  ProcessKey parent;
  std::uint16_t table = 0;   // enum syscall_table
  std::uint32_t number = 0;  // in the table; SYSCALL_LARGER: one that no table has
  std::uint32_t asked = 0;   // as the process gave it
  std::string_view name;     // "openat"; empty where this build knows none
};

using EventBody = std::variant<CgroupChanged, MountChanged, Exec, Fork, Exit, CredentialRead,
                               Connect, PrivilegeUse, Listen, Accept, UnixConnect, Flow, Write,
                               NetworkName, SystemCall, Gap>;

/// One record of the kernel, decoded. Text is a view into the record: it lives as long as that.
struct Event {
  BootTime at{};
  CgroupId cgroup{};
  ProcessKey process;
  std::uint32_t tid = 0;
  std::uint32_t sequence = 0;
  std::uint16_t cpu = 0;
  std::uint16_t kind = 0;  // enum event_kind
  bool sampled = false;    // judged known before, and sent all the same
  bool at_start = false;   // found to stand already when the agent started; on nobody's books
  bool moved = false;      // the process is in another cgroup than where its lineage began
  LineageId lineage{};
  ProcessKey
      tree;  // root of its tree, as far as the kernel can tell; none where there is no lineage
  EventBody body;
};

}  // namespace idtrail

template <>
struct std::hash<idtrail::ProcessKey> {
  std::size_t operator()(const idtrail::ProcessKey& key) const noexcept {
    const auto started = static_cast<std::uint64_t>(key.started.time_since_epoch().count());
    return (started ^ (std::uint64_t{key.tgid} << 40U)) * 0x9E3779B97F4A7C15ULL;
  }
};
