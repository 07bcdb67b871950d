// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/redact_record.h"

#include <algorithm>
#include <string_view>

#include "agent/decode/decoder.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

/// Redacts the text that `view` sees, through the writable bytes that it points into.
std::size_t redact_view(std::span<std::byte> record, std::string_view view, Redactor& redactor) {
  if (view.empty()) return 0;
  const auto* first = reinterpret_cast<const std::byte*>(view.data());
  const auto offset = static_cast<std::size_t>(first - record.data());
  auto* text = reinterpret_cast<char*>(record.data() + offset);
  return redactor.redact(std::span<char>(text, view.size()));
}

/// Not NUL: a refused record must stay refused for the same reason when it is replayed.
void blank_texts(std::span<std::byte> record, std::uint16_t kind) {
  constexpr std::byte kBlank{'?'};
  std::size_t keep = sizeof(event_header);
  if (kind == EVENT_exec) keep += sizeof(exec_payload);
  if (kind == EVENT_cgroup) keep += sizeof(cgroup_payload);
  if (kind == EVENT_credential) keep += offsetof(credential_payload, name);
  if (kind == EVENT_connect) keep += sizeof(connect_payload);
  if (is_privilege(kind)) keep += offsetof(privilege_payload, name);
  if (kind == EVENT_listen || kind == EVENT_accept) keep += sizeof(socket_payload);
  if (kind == EVENT_unix) keep += sizeof(unix_payload);
  if (kind == EVENT_flow) keep += sizeof(flow_payload);
  if (kind == EVENT_write) keep += sizeof(write_payload);
  if (kind == EVENT_dns || kind == EVENT_tls || kind == EVENT_http) keep += sizeof(name_payload);
  if (kind == EVENT_keyfile) keep += sizeof(keyfile_payload);
  if (kind == EVENT_syscalls) keep += sizeof(syscall_payload);
  if (record.size() > keep) std::ranges::fill(record.subspan(keep), kBlank);
}

}  // namespace

std::size_t redact_record(std::span<std::byte> record, Redactor& redactor) {
  Event event;
  if (decode_record(record, event) != Refusal::kNone) {
    blank_texts(record, event.kind);
    return 0;
  }
  if (const auto* exec = std::get_if<Exec>(&event.body)) {
    std::size_t masked = redact_view(record, exec->path, redactor);
    masked += redact_view(record, exec->filename, redactor);
    masked += redact_view(record, exec->cwd, redactor);
    return masked + redact_view(record, exec->arguments, redactor);
  }
  if (const auto* read = std::get_if<CredentialRead>(&event.body)) {
    std::size_t masked = redact_view(record, read->name, redactor);
    masked += redact_view(record, read->dir, redactor);
    return masked + redact_view(record, read->path, redactor);
  }
  if (const auto* use = std::get_if<PrivilegeUse>(&event.body)) {
    return redact_view(record, use->name, redactor);
  }
  if (const auto* connect = std::get_if<UnixConnect>(&event.body)) {
    const std::size_t masked = redact_view(record, connect->name, redactor);
    return masked + redact_view(record, connect->path, redactor);
  }
  if (const auto* named = std::get_if<NetworkName>(&event.body)) {
    return redact_view(record, named->name, redactor);
  }
  if (const auto* write = std::get_if<Write>(&event.body)) {
    return redact_view(record, write->path, redactor);
  }
  return 0;
}

}  // namespace idtrail
