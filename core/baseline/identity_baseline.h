// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/baseline/behaviour_set.h"
#include "core/baseline/probe_candidates.h"
#include "core/common/time.h"

namespace idtrail {

/// Everything that is kept for one identity.
struct IdentityBaseline {
  IdentityBaseline(std::uint64_t own_id, std::string serialised_ref, std::string shown_name,
                   std::size_t max_bytes)
      : id(own_id),
        identity_ref(std::move(serialised_ref)),
        name(std::move(shown_name)),
        behaviours(max_bytes, sizeof(IdentityBaseline) + identity_ref.capacity() + name.capacity() +
                                  ProbeCandidates::kMaxBytes) {}

  std::uint64_t id;
  std::string identity_ref;  // serialised v1::IdentityRef
  std::string name;
  WallTime learning_since{};
  WallTime ready_since{};
  bool complete = true;
  bool header_dirty = false;  // since or complete changed
  bool queued = false;        // stands in the list of what is to be stored
  IdentityBaseline* next_changed = nullptr;
  BehaviourSet behaviours;
  ProbeCandidates candidates;

  [[nodiscard]] BaselineState state(WallTime at) const {
    return at >= ready_since ? BaselineState::kReady : BaselineState::kLearning;
  }
};

}  // namespace idtrail
