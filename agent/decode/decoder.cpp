// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/decoder.h"

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "agent/decode/fields.h"
#include "agent/decode/system_call.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

// No implicit padding, so nothing of the kernel's stack can leak through it.
static_assert(std::has_unique_object_representations_v<event_header>);
static_assert(std::has_unique_object_representations_v<cgroup_payload>);
static_assert(std::has_unique_object_representations_v<mount_payload>);
static_assert(std::has_unique_object_representations_v<exec_payload>);
static_assert(std::has_unique_object_representations_v<fork_payload>);
static_assert(std::has_unique_object_representations_v<exit_payload>);
static_assert(std::has_unique_object_representations_v<credential_payload>);
static_assert(std::has_unique_object_representations_v<connect_payload>);
static_assert(std::has_unique_object_representations_v<privilege_payload>);
static_assert(std::has_unique_object_representations_v<socket_payload>);
static_assert(std::has_unique_object_representations_v<unix_payload>);
static_assert(std::has_unique_object_representations_v<flow_payload>);
static_assert(std::has_unique_object_representations_v<write_payload>);
static_assert(std::has_unique_object_representations_v<name_payload>);
static_assert(std::has_unique_object_representations_v<keyfile_payload>);

constexpr std::uint16_t kFamilyInet = 2;    // AF_INET, part of the kernel's ABI
constexpr std::uint16_t kFamilyInet6 = 10;  // AF_INET6
constexpr std::int32_t kErrnoMax = 4095;    // the largest that a kernel pointer can hold

bool is_inet(std::uint16_t family) { return family == kFamilyInet || family == kFamilyInet6; }

Refusal decode_cgroup(Bytes rest, Event& event) {
  const auto payload = take<cgroup_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (payload->op != CGROUP_MADE && payload->op != CGROUP_REMOVED) return Refusal::kValue;
  if (payload->path_size != rest.size()) return Refusal::kSize;
  auto& body = event.body.emplace<CgroupChanged>();
  body.id = CgroupId{payload->id};
  body.parent = CgroupId{payload->parent_id};
  body.removed = payload->op == CGROUP_REMOVED;
  if (!take_text(rest, payload->path_size, EVENT_PATH_MAX, body.path)) return Refusal::kTail;
  return Refusal::kNone;
}

Refusal decode_mount(Bytes rest, Event& event) {
  const auto payload = take<mount_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  if (payload->op != MOUNT_NEW && payload->op != MOUNT_GONE) return Refusal::kValue;
  event.body = MountChanged{.device = payload->device, .gone = payload->op == MOUNT_GONE};
  return Refusal::kNone;
}

Refusal decode_exec(Bytes rest, Event& event) {
  const auto payload = take<exec_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  const std::size_t tail = std::size_t{payload->path_size} + payload->filename_size +
                           payload->cwd_size + payload->args_size;
  if (tail != rest.size()) return Refusal::kSize;
  auto& body = event.body.emplace<Exec>();
  take_actor(*payload, body);
  body.ancestor = LineageId{payload->ancestor};
  body.uid = payload->uid;
  body.flags = payload->flags;
  const bool good = take_text(rest, payload->path_size, EVENT_PATH_MAX, body.path) &&
                    take_text(rest, payload->filename_size, EVENT_PATH_MAX, body.filename) &&
                    take_text(rest, payload->cwd_size, EVENT_PATH_MAX, body.cwd) &&
                    take_arguments(rest, payload->args_size, body.arguments);
  return good ? Refusal::kNone : Refusal::kTail;
}

Refusal decode_fork(Bytes rest, Event& event) {
  const auto payload = take<fork_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  event.body = Fork{.child = process_of(payload->child_tgid, payload->child_start_boot_ns),
                    .child_cgroup = CgroupId{payload->child_cgroup_id}};
  return Refusal::kNone;
}

Refusal decode_exit(Bytes rest, Event& event) {
  const auto payload = take<exit_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  event.body = Exit{.code = payload->exit_code};
  return Refusal::kNone;
}

Refusal decode_credential(Bytes record, Bytes rest, Event& event) {
  const std::size_t start = record.size() - rest.size();
  const auto payload = take<credential_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  auto& body = event.body.emplace<CredentialRead>();
  body.file = file_of(payload->file);
  take_actor(*payload, body);
  body.open_flags = payload->open_flags;
  body.flags = payload->flags;
  body.volume_generation = payload->volume_generation;
  const bool good = fixed_text(record, start + offsetof(credential_payload, name), body.name) &&
                    fixed_text(record, start + offsetof(credential_payload, dir), body.dir);
  return good ? Refusal::kNone : Refusal::kTail;
}

Refusal decode_keyfile(Bytes rest, Event& event) {
  const auto payload = take<keyfile_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (payload->path_size != rest.size()) return Refusal::kSize;
  if (payload->sort < KEY_AWS || payload->sort > KEY_ENVIRON) return Refusal::kValue;
  if (payload->result > 0 || payload->result < -kErrnoMax) return Refusal::kValue;
  auto& body = event.body.emplace<CredentialRead>();
  body.file = file_of(payload->file);
  take_actor(*payload, body);
  body.open_flags = payload->open_flags;
  body.flags = payload->flags;
  body.sort = payload->sort;
  body.result = payload->result;
  body.target_tgid = payload->target_tgid;
  body.target_lineage = LineageId{payload->target_lineage};
  if (!take_text(rest, payload->path_size, EVENT_PATH_MAX, body.path)) return Refusal::kTail;
  return Refusal::kNone;
}

Refusal decode_connect(Bytes rest, Event& event) {
  const auto payload = take<connect_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  if (!is_inet(payload->family)) return Refusal::kValue;
  auto& body = event.body.emplace<Connect>();
  take_actor(*payload, body);
  body.result = payload->result;
  body.flags = payload->flags;
  std::memcpy(body.destination.data(), payload->dst, sizeof(payload->dst));
  std::memcpy(body.source.data(), payload->src, sizeof(payload->src));
  body.destination_port = payload->dst_port;
  body.source_port = payload->src_port;
  body.family = payload->family;
  body.protocol = payload->protocol;
  return Refusal::kNone;
}

/// The largest op of a privilege kind; 0 for other kinds.
std::uint16_t privilege_ops(std::uint16_t kind) {
  switch (kind) {
    case EVENT_setid:
      return SETID_FS_GROUP;
    case EVENT_capability:
      return CAPABILITY_CHECK;
    case EVENT_namespace:
      return NAMESPACE_CLONE;
    case EVENT_ptrace:
      return PTRACE_OFFER;
    case EVENT_mounting:
      return MOUNTING_UNMOUNT;
    case EVENT_bpf:
      return BPF_OP_MAX;
    case EVENT_module:
      return MODULE_REQUEST;
    case EVENT_memfd:
      return MEMFD_CREATE;
    case EVENT_io_uring:
      return IO_URING_SETUP;
    default:
      return 0;
  }
}

Refusal decode_privilege(Bytes record, Bytes rest, Event& event) {
  const std::size_t start = record.size() - rest.size();
  const auto payload = take<privilege_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  const bool known = payload->op != 0 && payload->op <= privilege_ops(event.kind) &&
                     (payload->marks & ~PRIVILEGE_RESULT_UNKNOWN) == 0;
  if (!known || payload->result > 0 || payload->result < -kErrnoMax) return Refusal::kValue;
  auto& body = event.body.emplace<PrivilegeUse>();
  take_actor(*payload, body);
  body.result = payload->result;
  body.flags = payload->flags;
  body.uid = payload->uid;
  body.target_tgid = payload->target_tgid;
  body.op = payload->op;
  body.marks = payload->marks;
  body.arguments = {payload->args[0], payload->args[1]};
  const bool good = fixed_text(record, start + offsetof(privilege_payload, name), body.name);
  return good ? Refusal::kNone : Refusal::kTail;
}

template <typename Body>
Refusal decode_socket(Bytes rest, Event& event) {
  const auto payload = take<socket_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  if (!is_inet(payload->family)) return Refusal::kValue;
  auto& body = event.body.emplace<Body>();
  take_actor(*payload, body);
  body.result = payload->result;
  body.flags = payload->flags;
  std::memcpy(body.local.data(), payload->local, sizeof(payload->local));
  body.local_port = payload->local_port;
  body.family = payload->family;
  body.protocol = payload->protocol;
  if constexpr (std::is_same_v<Body, Listen>) {
    body.backlog = payload->backlog;
  } else {
    std::memcpy(body.peer.data(), payload->peer, sizeof(payload->peer));
    body.peer_port = payload->peer_port;
  }
  return Refusal::kNone;
}

Refusal decode_unix(Bytes rest, Event& event) {
  const auto payload = take<unix_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (std::size_t{payload->name_size} + payload->path_size != rest.size()) return Refusal::kSize;
  auto& body = event.body.emplace<UnixConnect>();
  take_actor(*payload, body);
  body.file = file_of(payload->file);
  body.result = payload->result;
  body.flags = payload->flags;
  body.type = payload->type;
  body.name_key = payload->name_key;
  const bool good = take_bytes(rest, payload->name_size, EVENT_SUN_MAX, body.name) &&
                    take_text(rest, payload->path_size, EVENT_PATH_MAX, body.path);
  if (!body.name.starts_with('\0')) body.name = body.name.substr(0, body.name.find('\0'));
  return good ? Refusal::kNone : Refusal::kTail;
}

Refusal decode_flow(Bytes rest, Event& event) {
  const auto payload = take<flow_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  if (!is_inet(payload->family) || payload->duration_ns > INT64_MAX) return Refusal::kValue;
  auto& body = event.body.emplace<Flow>();
  take_actor(*payload, body);
  body.flags = payload->flags;
  body.bytes_sent = payload->bytes_sent;
  body.bytes_received = payload->bytes_received;
  body.duration = std::chrono::nanoseconds(static_cast<std::int64_t>(payload->duration_ns));
  std::memcpy(body.peer.data(), payload->peer, sizeof(payload->peer));
  std::memcpy(body.local.data(), payload->local, sizeof(payload->local));
  body.peer_port = payload->peer_port;
  body.local_port = payload->local_port;
  body.family = payload->family;
  body.protocol = payload->protocol;
  return Refusal::kNone;
}

Refusal decode_write(Bytes rest, Event& event) {
  const auto payload = take<write_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (payload->path_size != rest.size()) return Refusal::kSize;
  if (payload->op < WRITE_OPEN || payload->op > WRITE_SYMLINK) return Refusal::kValue;
  if (payload->place < PLACE_PRELOAD || payload->place > PLACE_IMAGE) return Refusal::kValue;
  auto& body = event.body.emplace<Write>();
  take_actor(*payload, body);
  body.file = file_of(payload->file);
  body.open_flags = payload->open_flags;
  body.flags = payload->flags;
  body.op = payload->op;
  body.place = payload->place;
  if (!take_text(rest, payload->path_size, EVENT_PATH_MAX, body.path)) return Refusal::kTail;
  return Refusal::kNone;
}

/// Not one that still holds what went over the network.
Refusal decode_name(Bytes rest, Event& event) {
  const auto payload = take<name_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  const std::size_t size = address_size(payload->question_type);
  const std::size_t addresses = size * payload->address_count;
  if (payload->name_size + addresses != rest.size()) return Refusal::kSize;
  if (!is_inet(payload->family) || (payload->flags & NAME_RAW) != 0) return Refusal::kValue;
  if (payload->address_count > (size == 0 ? 0 : EVENT_ADDRESSES_MAX)) return Refusal::kValue;
  auto& body = event.body.emplace<NetworkName>();
  take_actor(*payload, body);
  body.flags = payload->flags;
  std::memcpy(body.peer.data(), payload->peer, sizeof(payload->peer));
  std::memcpy(body.local.data(), payload->local, sizeof(payload->local));
  body.peer_port = payload->peer_port;
  body.local_port = payload->local_port;
  body.family = payload->family;
  body.question_type = payload->question_type;
  body.answer_code = payload->answer_code;
  const bool good = take_text(rest, payload->name_size, EVENT_RAW_MAX, body.name) &&
                    take_bytes(rest, addresses, addresses, body.addresses);
  return good ? Refusal::kNone : Refusal::kTail;
}

Counter counter_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kKind:
      return Counter::discarded_kind;
    case Refusal::kSize:
      return Counter::discarded_size;
    case Refusal::kTail:
      return Counter::discarded_tail;
    case Refusal::kValue:
      return Counter::discarded_value;
    default:
      return Counter::discarded_truncated;
  }
}

}  // namespace

bool is_privilege(std::uint16_t kind) { return privilege_ops(kind) != 0; }

Refusal decode_record(Bytes record, Event& event) {
  Bytes rest = record;
  const auto header = take<event_header>(rest);
  event.kind = header ? header->kind : 0;
  if (!header) return Refusal::kTruncated;
  if (header->size != record.size() || record.size() > EVENT_RECORD_MAX) return Refusal::kSize;
  event.at = boot_time(header->boot_ns);
  event.cgroup = CgroupId{header->cgroup_id};
  event.process = process_of(header->tgid, header->start_boot_ns);
  event.tid = header->tid;
  event.sequence = header->seq;
  event.cpu = header->cpu;
  event.sampled = (header->flags & EVENT_SAMPLED) != 0;
  event.at_start = (header->flags & EVENT_AT_START) != 0;
  event.moved = (header->flags & EVENT_MOVED) != 0;
  event.lineage = LineageId{header->lineage};
  event.tree = process_of(header->tree_tgid, header->tree_start_boot_ns);
  switch (header->kind) {
    case EVENT_cgroup:
      return decode_cgroup(rest, event);
    case EVENT_mount:
      return decode_mount(rest, event);
    case EVENT_exec:
      return decode_exec(rest, event);
    case EVENT_fork:
      return decode_fork(rest, event);
    case EVENT_exit:
      return decode_exit(rest, event);
    case EVENT_credential:
      return decode_credential(record, rest, event);
    case EVENT_connect:
      return decode_connect(rest, event);
    case EVENT_listen:
      return decode_socket<Listen>(rest, event);
    case EVENT_accept:
      return decode_socket<Accept>(rest, event);
    case EVENT_unix:
      return decode_unix(rest, event);
    case EVENT_flow:
      return decode_flow(rest, event);
    case EVENT_write:
      return decode_write(rest, event);
    case EVENT_dns:
    case EVENT_tls:
    case EVENT_http:
      return decode_name(rest, event);
    case EVENT_keyfile:
      return decode_keyfile(rest, event);
    case EVENT_syscalls:
      return decode_syscall(rest, event);
    default:
      if (is_privilege(header->kind)) return decode_privilege(record, rest, event);
      return Refusal::kKind;
  }
}

std::optional<Sender> sender_of(Bytes record) {
  const auto header = take<event_header>(record);
  if (!header) return std::nullopt;
  return Sender{.cgroup = CgroupId{header->cgroup_id},
                .kind = header->kind < EVENT_KINDS ? header->kind : std::uint16_t{0}};
}

std::optional<Event> Decoder::decode(Bytes record) {
  std::optional<Event> event(std::in_place);
  const Refusal refusal = decode_record(record, *event);
  const std::size_t kind = event->kind < EVENT_KINDS ? event->kind : 0;
  if (refusal == Refusal::kNone) {
    ++counters_.received[kind];
    return event;
  }
  ++counters_.discarded[kind];
  counters_.add(counter_of(refusal));
  return std::nullopt;
}

}  // namespace idtrail
