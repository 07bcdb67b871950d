// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "agent/identity/cgroup_path.h"
#include "core/common/time.h"
#include "core/model/event.h"
#include "core/model/identity.h"

namespace idtrail {

enum class PlaceKind : std::uint8_t {
  kContainer,
  kPod,          // a pod's own cgroup, above its containers
  kUnit,         // a systemd unit
  kHost,         // the rest of the node
  kUnannounced,  // a cgroup that nobody announced
};

/// What the runtime has said of a container.
enum class Answer : std::uint8_t { kNone, kRefused, kFound };

/// Where a process runs, as far as identity goes. Several cgroups may be one place. Stays where it
/// is in memory until the last of its cgroups is forgotten.
struct Place {
  std::uint64_t serial = 0;  // never reused, never 0
  PlaceKind kind = PlaceKind::kHost;
  CgroupPath path;

  // Who that is. Never null: until the runtime has answered, what the cgroup's path tells.
  std::shared_ptr<const Identity> identity;
  std::uint64_t identity_id = 0;
  Instance instance;
  Answer answer = Answer::kNone;
  bool sandbox = false;
  bool seen_event = false;  // an event went out under `identity`
  BootTime alert_until{};   // a novel credential read: every connect is looked at

  // Entry of processes: who was the first.
  bool made_live =
      false;  // its cgroup was made before our eyes, so its first process is still to come
  bool has_first = false;
  ProcessKey first;

  // Look-ups.
  bool asked = false;
  BootTime asked_at{};
  BootTime first_asked_at{};
  std::uint32_t times_asked = 0;

  std::uint32_t cgroups = 0;  // that are this place
  std::uint32_t waiting = 0;  // events in the waiting room
  std::uint64_t held_in = 0;  // the waiting room's sweep that found it held
  Place* moved_to = nullptr;  // of an unknown place, once its cgroup is known

  [[nodiscard]] bool is_container() const { return kind == PlaceKind::kContainer; }
  [[nodiscard]] bool account_known() const { return identity->service_account != kUnknown; }
};

}  // namespace idtrail
