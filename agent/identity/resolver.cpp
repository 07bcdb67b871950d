// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/resolver.h"

#include <algorithm>
#include <utility>

#include "agent/identity/key_files.h"
#include "idtrail/events.h"

namespace idtrail {

Resolver::Resolver(const NodeSettings& settings, std::vector<std::string> credential_readers,
                   Counters& counters)
    : counters_(counters),
      containers_(settings, counters),
      cgroups_(settings, containers_, counters),
      processes_(counters),
      volumes_(containers_, counters),
      credential_readers_(std::move(credential_readers)),
      scoped_(!settings.scope_cgroup.empty()) {}

std::optional<Actor> Resolver::apply(const Event& event, BootTime now) {
  if (const auto* one = std::get_if<Connect>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<CredentialRead>(&event.body)) return read(event, *one, now);
  if (const auto* one = std::get_if<Exec>(&event.body)) return exec(event, *one, now);
  if (const auto* one = std::get_if<Listen>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<Accept>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<UnixConnect>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<Write>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<NetworkName>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<SystemCall>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<Flow>(&event.body)) return flow(event, *one, now);
  if (const auto* one = std::get_if<PrivilegeUse>(&event.body)) return act(event, *one, now);
  if (const auto* one = std::get_if<Fork>(&event.body)) {
    fork(event, *one);
  } else if (std::holds_alternative<Exit>(event.body)) {
    processes_.on_exit(event);
  } else if (const auto* change = std::get_if<CgroupChanged>(&event.body)) {
    change_cgroup(*change, now);
  } else if (const auto* mount = std::get_if<MountChanged>(&event.body)) {
    volumes_.on_mount(*mount);
    if (!mount->gone) volumes_.ask(mount->device, now);
  }
  return std::nullopt;
}

void Resolver::change_cgroup(const CgroupChanged& change, BootTime now) {
  if (Place* before = cgroups_.on_changed(change, now)) moved_.push_back(before);
  if (change.removed) return;
  const Cgroups::Node* node = cgroups_.known(change.id);
  // Asked before its first process runs, so that the answer is often there in time.
  if (node != nullptr && node->in_scope && node->place->is_container()) {
    containers_.ask(*node->place, static_cast<std::uint64_t>(change.id), now);
  }
}

void Resolver::fork(const Event& event, const Fork& fork) {
  Place& place = *cgroups_.find(event.cgroup).place;
  const bool same = fork.child_cgroup == event.cgroup;
  Place& child_place = same ? place : *cgroups_.find(fork.child_cgroup).place;
  processes_.on_fork(event, fork, place, child_place);
}

Actor Resolver::actor_of(const Process& process, Place& place, CgroupId cgroup, BootTime now) {
  Actor actor{.place = &place, .subject = &process.subject, .tree = process.tree};
  if (!Containers::resolved(place)) {
    containers_.ask(place, static_cast<std::uint64_t>(cgroup), now);
  }
  actor.waits = !containers_.settled(place, now);
  return actor;
}

std::optional<Actor> Resolver::exec(const Event& event, const Exec& exec, BootTime now) {
  const Cgroups::Node node = cgroups_.find(event.cgroup);
  const Process& process = processes_.on_exec(event, exec, *node.place);
  if (!node.in_scope) {
    counters_.add(Counter::out_of_scope);
    return std::nullopt;
  }
  return actor_of(process, *node.place, event.cgroup, now);
}

template <typename Body>
std::optional<Actor> Resolver::act(const Event& event, const Body& body, BootTime now) {
  const Cgroups::Node node = cgroups_.find(event.cgroup);
  if (!node.in_scope) {
    counters_.add(Counter::out_of_scope);
    return std::nullopt;
  }
  // The kernel does not say here where the process stands: believe what its exec said.
  const Process& process =
      processes_.acting(event, body.exe, body.parent, /*host_mntns=*/true, *node.place);
  return actor_of(process, *node.place, event.cgroup, now);
}

// The opener may have run another program since: it is looked up, and not changed by the old one.
std::optional<Actor> Resolver::flow(const Event& event, const Flow& flow, BootTime now) {
  const Cgroups::Node node = cgroups_.find(event.cgroup);
  const Process* opener = processes_.find(event.process);
  if (opener == nullptr) opener = processes_.guest(event, *node.place);
  if (opener == nullptr) return act(event, flow, now);
  if (!node.in_scope) {
    counters_.add(Counter::out_of_scope);
    return std::nullopt;
  }
  return actor_of(*opener, *node.place, event.cgroup, now);
}

bool Resolver::expected_reader(const Place& place, const Subject& subject) const {
  if (place.kind != PlaceKind::kUnit && place.kind != PlaceKind::kHost) return false;
  return subject.entry == Entry::kHost &&
         std::ranges::find(credential_readers_, subject.executable) != credential_readers_.end();
}

std::optional<Actor> Resolver::read(const Event& event, const CredentialRead& read, BootTime now) {
  const Cgroups::Node node = cgroups_.find(event.cgroup);
  if (!node.in_scope) {
    counters_.add(Counter::out_of_scope);
    return std::nullopt;
  }
  const bool host_mntns = (read.flags & CREDENTIAL_HOST_MNTNS) != 0;
  const Process& process = processes_.acting(event, read.exe, read.parent, host_mntns, *node.place);
  if (expected_reader(*node.place, *process.subject)) {
    counters_.add(Counter::expected_reader);
    return std::nullopt;
  }
  Actor actor = actor_of(process, *node.place, event.cgroup, now);
  if (is_key_file(read)) {
    name_key_file(read, actor);
    return actor;
  }
  const Verdict verdict = conclude(volumes_.find(read), actor);
  if (verdict == Verdict::kDrop) return std::nullopt;
  if (verdict == Verdict::kWait) {
    volumes_.ask(read.file.device, now);
    actor.waits = true;
  }
  return actor;
}

Resolver::Verdict Resolver::review(const Event& event, Actor& actor, BootTime now) {
  if (!containers_.settled(*actor.place, now)) return Verdict::kWait;
  const auto* read = std::get_if<CredentialRead>(&event.body);
  if (read == nullptr) return Verdict::kGo;
  if (is_key_file(*read)) {
    name_key_file(*read, actor);
    return Verdict::kGo;
  }
  Volumes::Found found = volumes_.find(*read);
  if (found.known == Volumes::Known::kNo && volumes_.answered(read->file.device)) {
    found = volumes_.settle(*read);
  }
  return conclude(found, actor);
}

Resolver::Verdict Resolver::settle(const Event& event, Actor& actor) {
  if (scoped_ && actor.place->kind == PlaceKind::kUnannounced) {
    counters_.add(Counter::out_of_scope);
    return Verdict::kDrop;
  }
  const auto* read = std::get_if<CredentialRead>(&event.body);
  if (read == nullptr) return Verdict::kGo;
  if (is_key_file(*read)) {
    name_key_file(*read, actor);
    return Verdict::kGo;
  }
  const Verdict verdict = conclude(volumes_.settle(*read), actor);
  if (verdict != Verdict::kWait) return verdict;
  counters_.add(Counter::volume_unresolved);
  return Verdict::kGo;
}

/// A look that was refused has read nothing: it is counted, and no more.
void Resolver::name_key_file(const CredentialRead& read, Actor& actor) {
  if (read.result != 0) return;
  const Subject* target = processes_.subject_of(read.target_lineage);
  if (const Process* one = processes_.find_living(read.target_tgid); target == nullptr && one) {
    target = one->subject.get();
  }
  key_file_ = key_file_credential(
      read, target != nullptr ? std::string_view(target->executable) : kUnknown);
  actor.credential = &key_file_;
}

Resolver::Verdict Resolver::conclude(const Volumes::Found& found, Actor& actor) {
  switch (found.known) {
    case Volumes::Known::kOrdinary:
      counters_.add(Counter::ordinary_tmpfs);
      return Verdict::kDrop;
    case Volumes::Known::kCredential:
      actor.credential = found.credential->get();
      return Verdict::kGo;
    default:
      return Verdict::kWait;
  }
}

Who Resolver::who(const Event& event, const Actor& actor) const {
  const Place& place = *actor.place;
  return {.identity = place.identity.get(),
          .instance = &place.instance,
          .identity_id = place.identity_id,
          .subject = actor.subject->get(),
          .process = event.process,
          .tree = actor.tree,
          .unresolved = !Containers::resolved(place)};
}

void Resolver::apply(const v1::ProcessFact& fact) {
  const Process* parent = processes_.find_living(fact.parent_tgid());
  processes_.on_fact(fact, parent, *cgroups_.find(CgroupId{fact.cgroup_id()}).place);
}

bool Resolver::apply(const v1::Fact& fact) {
  switch (fact.body_case()) {
    case v1::Fact::kCgroup:
      if (Place* before = cgroups_.on_fact(fact.cgroup())) moved_.push_back(before);
      return stirred();
    case v1::Fact::kProcess:
      apply(fact.process());
      return false;
    case v1::Fact::kContainer:
      return containers_.on_fact(fact.container()) != nullptr;
    case v1::Fact::kVolume:
      volumes_.on_fact(fact.volume());
      return true;
    default:
      return false;
  }
}

void Resolver::release_moved() {
  for (Place* place : moved_) containers_.release(*place);
  moved_.clear();
}

}  // namespace idtrail
