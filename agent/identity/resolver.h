// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/counters.h"
#include "agent/identity/cgroups.h"
#include "agent/identity/containers.h"
#include "agent/identity/processes.h"
#include "agent/identity/volumes.h"
#include "core/model/event.h"
#include "core/model/observation.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Who acted, as far as it is known when the event comes.
struct Actor {
  Place* place = nullptr;
  const SubjectPtr* subject = nullptr;  // until the next event
  ProcessKey tree;
  const Credential* credential = nullptr;  // until the next event or fact
  bool waits = false;                      // its container or volume may become known
};

/// Ties events to identities: keeps processes, cgroups, containers and volumes by events and Facts.
/// Pipeline thread, event time only.
class Resolver {
 public:
  Resolver(const NodeSettings& settings, std::vector<std::string> credential_readers,
           Counters& counters);

  /// Applies the event to what is known. Nothing for events that only make lineage, that lie
  /// outside the scope or that are no credential reads after all (counted).
  std::optional<Actor> apply(const Event& event, BootTime now);
  /// Applies cgroup, process, container and volume Facts; others are left alone. True where
  /// waiting events should be looked at again.
  bool apply(const v1::Fact& fact);

  enum class Verdict : std::uint8_t { kWait, kGo, kDrop };
  /// For an event that waited; fills the credential of a read.
  Verdict review(const Event& event, Actor& actor, BootTime now);
  /// The same at its deadline: the best that can be said, never kWait.
  Verdict settle(const Event& event, Actor& actor);

  Who who(const Event& event, const Actor& actor) const;
  void forget_removed(BootTime now) { cgroups_.forget_removed(now); }
  [[nodiscard]] const Containers& containers() const { return containers_; }
  [[nodiscard]] const Processes& processes() const { return processes_; }
  [[nodiscard]] bool knows(LineageId lineage) { return processes_.subject_of(lineage) != nullptr; }
  /// Null where nobody announced the cgroup, or it is gone for long.
  [[nodiscard]] const Place* place_of(CgroupId cgroup) const {
    const Cgroups::Node* node = cgroups_.known(cgroup);
    return node != nullptr ? node->place : nullptr;
  }
  /// The node itself, as far as it is no container and no unit.
  [[nodiscard]] const Place& host() { return containers_.host(); }
  std::vector<LookUp> take_look_ups() { return containers_.take_look_ups(); }
  /// True after an event that made an unknown place known: waiting events should be looked at.
  [[nodiscard]] bool stirred() const { return !moved_.empty(); }
  /// To be called when that is done.
  void release_moved();

 private:
  void change_cgroup(const CgroupChanged& change, BootTime now);
  void fork(const Event& event, const Fork& fork);
  std::optional<Actor> exec(const Event& event, const Exec& exec, BootTime now);
  std::optional<Actor> read(const Event& event, const CredentialRead& read, BootTime now);
  /// Of a body that says who acts by `exe` and `parent` alone.
  template <typename Body>
  std::optional<Actor> act(const Event& event, const Body& body, BootTime now);
  std::optional<Actor> flow(const Event& event, const Flow& flow, BootTime now);
  Actor actor_of(const Process& process, Place& place, CgroupId cgroup, BootTime now);
  [[nodiscard]] bool expected_reader(const Place& place, const Subject& subject) const;
  Verdict conclude(const Volumes::Found& found, Actor& actor);
  void name_key_file(const CredentialRead& read, Actor& actor);
  void apply(const v1::ProcessFact& fact);

  Counters& counters_;
  Containers containers_;
  Cgroups cgroups_;
  Processes processes_;
  Volumes volumes_;
  Credential key_file_;  // of the latest event
  std::vector<std::string> credential_readers_;
  bool scoped_ = false;
  std::vector<Place*> moved_;  // unknown places that have become known as others
};

}  // namespace idtrail
