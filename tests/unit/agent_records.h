// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idtrail/events.h"

// Records as the kernel half writes them.
namespace idtrail::testing {

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kSecond = 1'000'000'000;

struct Act {
  std::uint64_t at = kSecond;  // boot_ns
  std::uint64_t cgroup = 1;
  std::uint32_t tgid = 100;
  std::uint64_t start = 1;
  std::uint64_t lineage = 0;
  std::uint16_t flags = 0;  // enum event_flag
  struct {
    std::uint32_t tgid = 0;
    std::uint64_t start = 0;
  } tree{};
};

struct Program {
  std::string path{};
  std::uint32_t flags = 0;
  std::string args{};      // NUL between; empty: the path
  std::string filename{};  // empty: the path
  std::string cwd{"/"};
  file_id exe{};  // zero: made from the path
};

template <typename T>
void put(Bytes& out, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline void put_text(Bytes& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
  out.push_back(std::byte{0});
}

template <typename Payload>
Bytes record(const Act& act, std::uint16_t kind, const Payload& payload, const Bytes& tail = {}) {
  event_header header{};
  header.boot_ns = act.at;
  header.cgroup_id = act.cgroup;
  header.start_boot_ns = act.start;
  header.tgid = act.tgid;
  header.tid = act.tgid;
  header.kind = kind;
  header.flags = act.flags;
  header.lineage = act.lineage;
  header.tree_tgid = act.tree.tgid;
  header.tree_start_boot_ns = act.tree.start;
  header.size = static_cast<std::uint32_t>(sizeof(header) + sizeof(payload) + tail.size());
  Bytes out;
  out.reserve(header.size);
  put(out, header);
  put(out, payload);
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

/// One file per path, device 7.
inline file_id file_of(std::string_view path) {
  std::uint64_t inode = 5381;
  for (const char c : path) inode = inode * 33 + static_cast<unsigned char>(c);
  return {.inode = inode, .device = 7, .generation = 0};
}

inline file_id exe_of(const Program& program) {
  return program.exe.inode != 0 ? program.exe : file_of(program.path);
}

inline Bytes exec_record(const Act& act, const Program& program, const Act& parent = {},
                         std::uint64_t ancestor = 0) {
  const std::string& filename = program.filename.empty() ? program.path : program.filename;
  const std::string& args = program.args.empty() ? program.path : program.args;
  exec_payload payload{};
  payload.exe = exe_of(program);
  payload.parent_tgid = parent.tgid;
  payload.parent_start_boot_ns = parent.start;
  payload.ancestor = ancestor;
  payload.flags = program.flags;
  payload.path_size = static_cast<std::uint16_t>(program.path.size() + 1);
  payload.filename_size = static_cast<std::uint16_t>(filename.size() + 1);
  payload.cwd_size = static_cast<std::uint16_t>(program.cwd.size() + 1);
  payload.args_size = static_cast<std::uint16_t>(args.size() + 1);
  Bytes tail;
  for (const std::string& text : {program.path, filename, program.cwd, args}) put_text(tail, text);
  return record(act, EVENT_exec, payload, tail);
}

inline Bytes fork_record(const Act& parent, const Act& child) {
  fork_payload payload{};
  payload.child_start_boot_ns = child.start;
  payload.child_cgroup_id = child.cgroup;
  payload.child_tgid = child.tgid;
  return record(parent, EVENT_fork, payload);
}

inline Bytes exit_record(const Act& act, std::int32_t code = 0) {
  return record(act, EVENT_exit, exit_payload{.exit_code = code, .reserved = 0});
}

inline Bytes cgroup_record(const Act& act, std::uint64_t id, std::uint64_t parent,
                           std::string_view path) {
  cgroup_payload payload{};
  payload.id = id;
  payload.parent_id = parent;
  payload.op = path.empty() ? CGROUP_REMOVED : CGROUP_MADE;
  Bytes tail;
  if (!path.empty()) put_text(tail, path);
  payload.path_size = static_cast<std::uint16_t>(tail.size());
  return record(act, EVENT_cgroup, payload, tail);
}

inline Bytes mount_record(const Act& act, std::uint32_t device, std::uint32_t op) {
  return record(act, EVENT_mount,
                mount_payload{.device = device, .op = op, .magic = 0x01021994, .generation = 0});
}

inline Bytes credential_record(const Act& act, const Program& program, file_id file,
                               std::string_view name, std::uint32_t flags = 0,
                               std::string_view dir = "..2026_11_22") {
  credential_payload payload{};
  payload.file = file;
  payload.exe = exe_of(program);
  payload.flags = flags;
  if (!name.empty()) name.copy(payload.name, EVENT_NAME_MAX - 1);
  std::memcpy(payload.dir, dir.data(), std::min<std::size_t>(dir.size(), EVENT_NAME_MAX - 1));
  return record(act, EVENT_credential, payload);
}

inline Bytes keyfile_record(const Act& act, const Program& program, std::string_view path,
                            std::uint16_t sort = KEY_SSH, std::int32_t result = 0,
                            std::uint32_t target_tgid = 0) {
  keyfile_payload payload{};
  payload.file = file_of(path);
  payload.exe = exe_of(program);
  payload.sort = sort;
  payload.result = result;
  payload.target_tgid = target_tgid;
  Bytes tail;
  put_text(tail, path);
  payload.path_size = static_cast<std::uint16_t>(tail.size());
  return record(act, EVENT_keyfile, payload, tail);
}

inline Bytes connect_record(const Act& act, const Program& program, std::uint32_t v4,
                            std::uint16_t port) {
  connect_payload payload{};
  payload.exe = exe_of(program);
  payload.family = 2;
  payload.protocol = 6;
  payload.dst_port = port;
  for (int i = 0; i < 4; ++i) {
    payload.dst[i] = static_cast<std::uint8_t>(v4 >> (24 - 8 * i) & 0xFFU);
  }
  return record(act, EVENT_connect, payload);
}

inline Bytes privilege_record(const Act& act, std::uint16_t kind, std::string_view name = {}) {
  privilege_payload payload{};
  payload.exe = file_of("/bin/su");
  payload.op = 1;
  payload.result = -1;
  payload.flags = 2;
  payload.uid = 3;
  payload.target_tgid = 4;
  payload.args[0] = 5;
  payload.args[1] = 6;
  if (!name.empty()) name.copy(payload.name, EVENT_NAME_MAX - 1);
  return record(act, kind, payload);
}

inline Bytes listen_record(const Act& act, const Program& program, std::uint16_t port) {
  socket_payload payload{};
  payload.exe = exe_of(program);
  payload.family = 2;
  payload.protocol = 6;
  payload.local_port = port;
  payload.backlog = 128;
  return record(act, EVENT_listen, payload);
}

inline Bytes accept_record(const Act& act, const Program& program, std::uint16_t port) {
  socket_payload payload{};
  payload.exe = exe_of(program);
  payload.family = 2;
  payload.protocol = 6;
  payload.local_port = port;
  payload.peer[0] = 10;
  payload.peer_port = 40312;
  return record(act, EVENT_accept, payload);
}

inline Bytes unix_record(const Act& act, const Program& program, std::string_view name,
                         std::string_view path) {
  unix_payload payload{};
  payload.exe = exe_of(program);
  payload.type = 1;
  payload.name_size = static_cast<std::uint16_t>(name.size());
  Bytes tail;
  const auto bytes = std::as_bytes(std::span(name));
  tail.insert(tail.end(), bytes.begin(), bytes.end());
  if (!path.empty()) put_text(tail, path);
  payload.path_size = static_cast<std::uint16_t>(tail.size() - name.size());
  return record(act, EVENT_unix, payload, tail);
}

inline Bytes flow_record(const Act& act, const Program& program, std::uint64_t sent,
                         std::uint64_t received) {
  flow_payload payload{};
  payload.exe = exe_of(program);
  payload.family = 2;
  payload.protocol = 6;
  payload.bytes_sent = sent;
  payload.bytes_received = received;
  payload.duration_ns = kSecond;
  payload.peer_port = 443;
  return record(act, EVENT_flow, payload);
}

inline Bytes write_record(const Act& act, const Program& program, std::string_view path,
                          std::uint16_t op = WRITE_OPEN, std::uint16_t place = PLACE_CRON) {
  write_payload payload{};
  payload.exe = exe_of(program);
  payload.op = op;
  payload.place = place;
  Bytes tail;
  put_text(tail, path);
  payload.path_size = static_cast<std::uint16_t>(tail.size());
  return record(act, EVENT_write, payload, tail);
}

inline Bytes syscall_record(const Act& act, std::uint32_t number,
                            std::uint16_t table = SYSCALLS_NATIVE) {
  syscall_payload payload{};
  payload.exe = file_of("/bin/sh");
  payload.number = number;
  payload.asked = number;
  payload.table = table;
  return record(act, EVENT_syscalls, payload);
}

/// As the kernel half writes it: `raw` went over the network.
inline Bytes raw_name_record(const Act& act, std::uint16_t kind, std::string_view raw,
                             std::uint32_t flags = NAME_RAW) {
  name_payload payload{};
  payload.exe = file_of("/bin/curl");
  payload.family = 2;
  payload.peer_port = 53;
  payload.flags = flags;
  payload.name_size = static_cast<std::uint16_t>(raw.size());
  const auto bytes = std::as_bytes(std::span(raw));
  return record(act, kind, payload, Bytes(bytes.begin(), bytes.end()));
}

/// As the reader passes it on; `addresses` of an A question.
inline Bytes name_record(const Act& act, std::uint16_t kind, std::string_view name,
                         std::string_view addresses = {}) {
  name_payload payload{};
  payload.exe = file_of("/bin/curl");
  payload.family = 2;
  payload.peer_port = 53;
  payload.question_type = kind == EVENT_dns ? 1 : 0;
  payload.address_count = static_cast<std::uint16_t>(addresses.size() / 4);
  Bytes tail;
  put_text(tail, name);
  payload.name_size = static_cast<std::uint16_t>(tail.size());
  const auto bytes = std::as_bytes(std::span(addresses));
  tail.insert(tail.end(), bytes.begin(), bytes.end());
  return record(act, kind, payload, tail);
}

/// Of each kind that a probe writes.
inline std::vector<Bytes> one_of_each() {
  const Act act{.at = 42, .cgroup = 9, .tgid = 7, .start = 3};
  return {cgroup_record(act, 5, 4, "/a/b"),
          mount_record(act, 77, MOUNT_NEW),
          exec_record(act, {.path = "/bin/sh", .args = std::string("sh\0-c\0id", 8)}),
          fork_record(act, {.tgid = 8, .start = 4}),
          exit_record(act, 256),
          credential_record(act, {.path = "/bin/cat"}, {.inode = 1, .device = 2, .generation = 0},
                            "token"),
          connect_record(act, {.path = "/bin/curl"}, 0x0A000001, 443),
          privilege_record(act, EVENT_setid),
          privilege_record(act, EVENT_capability),
          privilege_record(act, EVENT_namespace),
          privilege_record(act, EVENT_ptrace, "postgres"),
          privilege_record(act, EVENT_mounting, "place"),
          privilege_record(act, EVENT_bpf, "map"),
          privilege_record(act, EVENT_module, "dummy"),
          privilege_record(act, EVENT_memfd, "payload"),
          privilege_record(act, EVENT_io_uring),
          listen_record(act, {.path = "/bin/nc"}, 8080),
          accept_record(act, {.path = "/bin/nc"}, 8080),
          unix_record(act, {.path = "/bin/nc"}, "docker.sock", "/run/docker.sock"),
          flow_record(act, {.path = "/bin/nc"}, 10, 20),
          write_record(act, {.path = "/bin/sh"}, "/etc/cron.d/job"),
          name_record(act, EVENT_dns, "a.example", "\x01\x02\x03\x04"),
          name_record(act, EVENT_tls, "a.example"),
          name_record(act, EVENT_http, "GET /latest"),
          keyfile_record(act, {.path = "/bin/cat"}, "/root/.ssh/id_rsa"),
          syscall_record(act, 0)};
}

}  // namespace idtrail::testing
