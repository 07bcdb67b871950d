// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/behaviour_of.h"

#include <array>
#include <bit>
#include <cstdint>

namespace idtrail {
namespace {

file_id raw(const FileId& file) {
  return {.inode = file.inode, .device = file.device, .generation = file.generation};
}

using Words = std::array<__u64, 2>;

/// To or from a peer.
void add_peer(behaviour& to, const std::array<std::uint8_t, 16>& peer, std::uint16_t port,
              std::uint16_t family, std::uint16_t protocol, std::int32_t result) {
  connect_object(&to, std::bit_cast<Words>(peer).data(), port, family, protocol, result);
}

}  // namespace

std::optional<behaviour> behaviour_of(const Event& event) {
  if (event.lineage == LineageId{}) return std::nullopt;
  behaviour one{};
  one.cgroup_id = static_cast<std::uint64_t>(event.cgroup);
  one.lineage = static_cast<std::uint64_t>(event.lineage);
  one.kind = static_cast<__u8>(event.kind);
  if (const auto* read = std::get_if<CredentialRead>(&event.body)) {
    if (read->sort == KEY_ENVIRON) return std::nullopt;
    const file_id file = raw(read->file);
    credential_object(&one, &file, read->volume_generation, read->open_flags, read->flags);
    return one;
  }
  if (const auto* connect = std::get_if<Connect>(&event.body)) {
    add_peer(one, connect->destination, connect->destination_port, connect->family,
             connect->protocol, connect->result);
    return one;
  }
  if (const auto* accept = std::get_if<Accept>(&event.body)) {
    add_peer(one, accept->peer, accept->local_port, accept->family, accept->protocol,
             accept->result);
    return one;
  }
  if (const auto* reached = std::get_if<UnixConnect>(&event.body)) {
    const file_id file = raw(reached->file);
    unix_object(&one, reached->name_key, &file, reached->type, reached->result, reached->flags);
    return one;
  }
  if (const auto* flow = std::get_if<Flow>(&event.body)) {
    const bool accepted = (flow->flags & FLOW_ACCEPTED) != 0;
    flow_object(&one, std::bit_cast<Words>(flow->peer).data(),
                accepted ? flow->local_port : flow->peer_port, flow->family, flow->flags,
                flow->bytes_sent);
    return one;
  }
  if (std::holds_alternative<Exec>(event.body) || std::holds_alternative<Exit>(event.body)) {
    return one;
  }
  if (const auto* fork = std::get_if<Fork>(&event.body)) {
    fork_object(&one, static_cast<std::uint64_t>(fork->child_cgroup));
    return one;
  }
  return std::nullopt;
}

}  // namespace idtrail
