// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/common/time.h"
#include "core/model/observation.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

struct BaselineSettings {
  ClockOffset clock;
  std::chrono::nanoseconds learning_window = std::chrono::hours(24);  // event time since the identity's first event
  std::size_t max_bytes_per_identity = 64U << 10U;
  std::size_t max_identities = 4096;
};

/// What has changed since the last call and is to be stored.
struct BaselineChanges {
  std::vector<v1::BaselineFact> baselines;
  std::vector<v1::BehaviourFact> behaviours;
};

/// What is normal for each identity: sets of behaviours per family. Pipeline thread only; takes
/// event time, never wall time. A known behaviour costs a hash and a probe, and no allocation.
class Baselines {
 public:
  explicit Baselines(const BaselineSettings& settings);

  /// Says how the event relates to the identity's baseline, and learns it where it may.
  Novelty observe(const Who& who, const Event& event, const Credential* credential);

  /// Puts back what a store or a recording held, before the first observe().
  void restore(const v1::BaselineFact& baseline);
  void restore(const v1::BehaviourFact& behaviour);

  /// What to store; clears the marks.
  BaselineChanges take_changes();

  /// A hole in what was seen: from now on this identity's baseline is not complete.
  void mark_incomplete(std::uint64_t identity_id);

  [[nodiscard]] v1::BaselineDiff diff(const Observation& seen) const;
  [[nodiscard]] bool complete(std::uint64_t identity_id) const;
  /// One view per identity, those whose name or id matches `selector` (empty: all), by name.
  [[nodiscard]] std::vector<v1::BaselineView> views(std::string_view selector) const;
  [[nodiscard]] BaselineState state(std::uint64_t identity_id, BootTime at) const;

 private:
  // core engineer: fill in
};

/// Baselines as YAML that a team can review and keep in git.
std::string to_yaml(std::span<const v1::BaselineView> views);

}  // namespace idtrail
