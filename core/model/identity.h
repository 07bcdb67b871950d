// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace idtrail {

enum class IdentityKind : std::uint8_t {
  kPod,        // a Kubernetes container
  kContainer,  // a container without Kubernetes labels
  kUnit,       // a systemd unit
  kHost,       // anything else on the node
};

/// "pod", "container", "unit", "host".
const char* kind_name(IdentityKind kind);

/// The word for a service account that no source has stated. Never a guess.
inline constexpr const char* kUnknown = "unknown";

/// The key of a baseline: who acts, over pod restarts, rollouts and replicas.
struct Identity {
  IdentityKind kind = IdentityKind::kHost;
  std::string cluster;
  std::string namespace_name;
  std::string owner_kind;  // Deployment, StatefulSet, …, Pod; Container, Unit or Host elsewhere
  std::string owner_name;
  std::string container;
  std::string service_account = kUnknown;
  bool operator==(const Identity&) const = default;
};

/// Stable hash of every field of the key: the baseline's id in stores and recordings.
std::uint64_t identity_id(const Identity& identity);

/// namespace/owner/container, or the fall-back's name: for people.
std::string display_name(const Identity& identity);

/// Where the identity runs at this moment.
struct Instance {
  std::string pod_name;
  std::string pod_uid;
  std::string node;
  std::string container_id;
  std::string image;
  std::string image_digest;
  bool operator==(const Instance&) const = default;
};

}  // namespace idtrail
