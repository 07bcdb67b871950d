// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/baseline/key_table.h"
#include "core/common/time.h"
#include "core/model/observation.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

struct Behaviour;
struct IdentityBaseline;

struct BaselineSettings {
  ClockOffset clock;
  /// Event time since the identity's first event.
  std::chrono::nanoseconds learning_window = std::chrono::hours(24);
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
///
/// Learned inside the window only, and never from an exec session, a program that is not from the
/// image, a read from outside the credential's pod, the container runtime, or unresolved events.
/// A command that enters without a terminal at regular intervals is a probe, and then learned.
class Baselines {
 public:
  explicit Baselines(const BaselineSettings& settings);
  ~Baselines();
  Baselines(const Baselines&) = delete;
  Baselines& operator=(const Baselines&) = delete;

  /// Says how the event relates to the identity's baseline, and learns it where it may. What is
  /// learned now is both learned and known.
  Novelty observe(const Who& who, const Event& event, const Credential* credential);

  /// Occurrences of a known behaviour that nobody handed over one by one.
  void count(std::uint64_t identity_id, std::uint64_t behaviour, std::uint64_t count,
             BootTime last);

  /// Time that passes while nothing happens: views() then say what is ready.
  void advance(BootTime at);

  /// Puts back what a store or a recording held, before the first observe().
  void restore(const v1::BaselineFact& baseline);
  void restore(const v1::BehaviourFact& behaviour);

  /// What to store; clears the marks. Bounded: call again until it is empty.
  BaselineChanges take_changes();

  /// A hole in what was seen: from now on this identity's baseline is not complete.
  void mark_incomplete(std::uint64_t identity_id);
  /// The same where nobody can say whose events were lost.
  void mark_all_incomplete();

  [[nodiscard]] v1::BaselineDiff diff(const Observation& seen) const;
  /// False also for identities that have no baseline.
  [[nodiscard]] bool complete(std::uint64_t identity_id) const;
  /// One view per identity, those whose name or id matches `selector` (empty: all), by name.
  [[nodiscard]] std::vector<v1::BaselineView> views(std::string_view selector) const;
  [[nodiscard]] BaselineState state(std::uint64_t identity_id, BootTime at) const;

  /// Bytes held for one identity; 0 where there is none.
  [[nodiscard]] std::size_t bytes(std::uint64_t identity_id) const;
  /// Events of identities for which there was no room.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  IdentityBaseline* find(std::uint64_t identity_id) const;
  IdentityBaseline* open(std::uint64_t identity_id, std::string identity_ref, std::string name,
                         WallTime since);
  IdentityBaseline* of(const Who& who, WallTime at);
  bool is_session(IdentityBaseline& one, const Who& who, const Event& event, BaselineState state);
  void learn_entry(IdentityBaseline& one, const Who& who, WallTime at);
  Behaviour* find_partly_seen(IdentityBaseline& one, const Who& who, const Event& event,
                              const Credential* credential, const Novelty& novelty) const;
  void set_incomplete(IdentityBaseline& one);
  void queue(IdentityBaseline& one);

  BaselineSettings settings_;
  std::vector<std::unique_ptr<IdentityBaseline>> all_;  // in the order of their first event
  KeyTable rows_;                                       // identity id -> row of all_
  IdentityBaseline* changed_first_ = nullptr;           // what take_changes() has to look at
  IdentityBaseline* changed_last_ = nullptr;
  WallTime now_{};  // of the latest event
  std::uint64_t refused_ = 0;
};

/// Baselines as YAML that a team can review and keep in git.
std::string to_yaml(std::span<const v1::BaselineView> views);

}  // namespace idtrail
