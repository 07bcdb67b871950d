// SPDX-License-Identifier: Apache-2.0
#include "core/baseline/baselines.h"

#include <algorithm>
#include <utility>

#include "core/baseline/behaviours.h"
#include "core/baseline/identity_baseline.h"
#include "core/common/hash.h"
#include "core/common/text.h"
#include "core/model/refs.h"

namespace idtrail {
namespace {

std::int64_t ns(WallTime at) { return at.time_since_epoch().count(); }
WallTime wall(std::int64_t at_ns) { return WallTime(std::chrono::nanoseconds(at_ns)); }

/// What a baseline must never hold, whenever it is seen.
bool is_hard_invariant(const Who& who, const Credential* credential) {
  return is_drift(who.subject->origin) ||
         (credential != nullptr && is_foreign_read(who, *credential));
}

v1::BaselineFact to_fact(const IdentityBaseline& one) {
  v1::BaselineFact fact;
  fact.set_identity(one.identity_ref);
  fact.set_learning_since_ns(ns(one.learning_since));
  fact.set_complete(one.complete);
  return fact;
}

v1::BehaviourFact to_fact(const IdentityBaseline& one, const Behaviour& behaviour) {
  const BehaviourSet& set = one.behaviours;
  v1::BehaviourFact fact;
  fact.set_identity(one.identity_ref);
  fact.set_behaviour(behaviour.key);
  fact.set_family(family_name(behaviour.family));
  fact.set_object(std::string(set.text(behaviour.object)));
  fact.set_subject(std::string(set.text(behaviour.subject)));
  fact.set_first_seen_ns(behaviour.first_seen_ns);
  fact.set_last_seen_ns(behaviour.last_seen_ns);
  fact.set_count(behaviour.count);
  fact.set_image_digest(std::string(set.text(behaviour.image_digest)));
  fact.set_pod(std::string(set.text(behaviour.pod)));
  v1::SubjectRef subject;
  (void)subject.ParseFromString(fact.subject());  // we wrote it; empty where a store lost it
  fact.set_text(behaviour_text(behaviour.family, from_ref(subject), fact.object()));
  return fact;
}

Behaviour* learn(IdentityBaseline& one, const Who& who, Family family, std::uint64_t key,
                 const std::string& object, WallTime at) {
  const Instance nowhere;
  const Instance& instance = who.instance != nullptr ? *who.instance : nowhere;
  const std::string subject = stored_subject(*who.subject);
  const std::string digest = valid_utf8(instance.image_digest);
  const std::string pod = valid_utf8(instance.pod_name);
  Behaviour* added = one.behaviours.add({.key = key,
                                         .family = family,
                                         .subject = subject,
                                         .object = object,
                                         .image_digest = digest,
                                         .pod = pod,
                                         .first_seen_ns = ns(at),
                                         .last_seen_ns = ns(at)});
  if (added != nullptr) one.behaviours.mark(*added);
  return added;
}

}  // namespace

Baselines::Baselines(const BaselineSettings& settings) : settings_(settings) {}
Baselines::~Baselines() = default;

Novelty Baselines::observe(const Who& who, const Event& event, const Credential* credential) {
  const bool takes_part = who.identity != nullptr && !who.unresolved && who.subject != nullptr &&
                          who.subject->entry != Entry::kRuntime;
  if (!takes_part) return {};
  const WallTime at = settings_.clock.wall(event.at);
  now_ = std::max(now_, at);
  IdentityBaseline* one = of(who, at);
  // No room for this identity: a terminal is a session all the same.
  if (one == nullptr) {
    Novelty cold;
    cold.session = who.subject->entry == Entry::kEntered && who.subject->tty;
    return cold;
  }

  Novelty novelty{.family = family_of(event, credential), .state = one->state(at)};
  novelty.session = is_session(*one, who, event, novelty.state);
  if (novelty.family == Family::kNone) {
    // ca.crt and the like are read by everybody and open nothing.
    novelty.known = credential != nullptr && !credential->sensitive;
    return novelty;
  }

  const bool counts = !novelty.session && !is_hard_invariant(who, credential);
  novelty.behaviour = behaviour_key(novelty.family, who, event, credential);
  Behaviour* known = one->behaviours.find(novelty.behaviour);
  if (known == nullptr && counts && !who.subject->lineage_complete) {
    known = find_partly_seen(*one, who, event, credential, novelty);
  }
  novelty.known = known != nullptr;
  if (!counts) return novelty;
  if (known != nullptr) {
    one->behaviours.touch(*known, ns(at));
    queue(*one);
  } else if (novelty.state == BaselineState::kLearning) {
    const std::string object = object_text(novelty.family, who, event, credential);
    novelty.learned = learn(*one, who, novelty.family, novelty.behaviour, object, at) != nullptr;
    novelty.known = novelty.learned;
    if (!novelty.learned) set_incomplete(*one);
    queue(*one);
  }
  return novelty;
}

void Baselines::count(std::uint64_t identity_id, std::uint64_t behaviour, std::uint64_t count,
                      BootTime last) {
  advance(last);
  IdentityBaseline* one = find(identity_id);
  Behaviour* known = one != nullptr ? one->behaviours.find(behaviour) : nullptr;
  if (known == nullptr) return;
  one->behaviours.touch(*known, ns(settings_.clock.wall(last)), count);
  queue(*one);
}

/// Of a process that started before we looked, applet and ancestors are not known. Its behaviour
/// must not look new after every restart of the agent.
Behaviour* Baselines::find_partly_seen(IdentityBaseline& one, const Who& who, const Event& event,
                                       const Credential* credential, const Novelty& novelty) const {
  if (novelty.family == Family::kDestination || novelty.family == Family::kSyscalls) {
    return nullptr;  // whoever does it
  }
  BehaviourSet& set = one.behaviours;
  const std::uint32_t object = set.piece(object_text(novelty.family, who, event, credential));
  if (object == KeyTable::kNone) return nullptr;
  for (Behaviour& behaviour : set.all()) {
    if (behaviour.family != novelty.family || behaviour.object != object) continue;
    v1::SubjectRef stored;
    if (!stored.ParseFromString(std::string(set.text(behaviour.subject)))) continue;
    if (!may_be(*who.subject, stored)) continue;
    set.alias(novelty.behaviour, behaviour);
    return &behaviour;
  }
  return nullptr;
}

bool Baselines::is_session(IdentityBaseline& one, const Who& who, const Event& event,
                           BaselineState state) {
  const Subject& subject = *who.subject;
  if (subject.entry != Entry::kEntered) return false;
  if (subject.tty || subject.entry_hash == 0) return true;
  const bool starts = who.process == who.tree && std::holds_alternative<Exec>(event.body);
  const WallTime at = settings_.clock.wall(event.at);
  if (Behaviour* probe = one.behaviours.find(entry_key(subject)); probe != nullptr) {
    if (starts) {
      one.behaviours.touch(*probe, ns(at));
      queue(one);
    }
    return false;
  }
  if (state != BaselineState::kLearning) {
    one.candidates.clear();
    return true;
  }
  if (!starts || is_drift(subject.origin)) return true;
  const std::uint64_t pod = who.instance != nullptr ? hash64(who.instance->pod_uid) : 0;
  if (!one.candidates.note(subject.entry_hash, pod, who.tree.started)) return true;
  learn_entry(one, who, at);
  return false;
}

void Baselines::learn_entry(IdentityBaseline& one, const Who& who, WallTime at) {
  one.candidates.forget(who.subject->entry_hash);
  const std::string text = entry_text(*who.subject);
  if (learn(one, who, Family::kEntry, entry_key(*who.subject), text, at) == nullptr) {
    set_incomplete(one);
  }
  queue(one);
}

void Baselines::advance(BootTime at) { now_ = std::max(now_, settings_.clock.wall(at)); }

IdentityBaseline* Baselines::find(std::uint64_t identity_id) const {
  const std::uint32_t row = rows_.find(identity_id);
  return row == KeyTable::kNone ? nullptr : all_[row].get();
}

IdentityBaseline* Baselines::of(const Who& who, WallTime at) {
  if (IdentityBaseline* one = find(who.identity_id); one != nullptr) return one;
  IdentityBaseline* one = nullptr;
  if (all_.size() < settings_.max_identities) {
    one = open(who.identity_id, to_ref(*who.identity).SerializeAsString(),
               display_name(*who.identity), at);
  }
  if (one == nullptr) {
    ++refused_;
    return nullptr;
  }
  one->header_dirty = true;
  queue(*one);
  return one;
}

IdentityBaseline* Baselines::open(std::uint64_t identity_id, std::string identity_ref,
                                  std::string name, WallTime since) {
  if (all_.size() >= settings_.max_identities) return nullptr;
  rows_.insert(identity_id, static_cast<std::uint32_t>(all_.size()));
  all_.push_back(std::make_unique<IdentityBaseline>(
      identity_id, std::move(identity_ref), std::move(name), settings_.max_bytes_per_identity));
  all_.back()->learning_since = since;
  all_.back()->ready_since = since + settings_.learning_window;
  return all_.back().get();
}

void Baselines::restore(const v1::BaselineFact& baseline) {
  v1::IdentityRef ref;
  if (!ref.ParseFromString(baseline.identity())) return;
  const WallTime since = wall(baseline.learning_since_ns());
  IdentityBaseline* one = find(identity_id(ref));
  if (one == nullptr) {
    one = open(identity_id(ref), baseline.identity(), display_name(from_ref(ref)), since);
  }
  if (one == nullptr) return;
  one->learning_since = std::min(one->learning_since, since);
  one->ready_since = one->learning_since + settings_.learning_window;
  one->complete = one->complete && baseline.complete();
}

void Baselines::restore(const v1::BehaviourFact& behaviour) {
  v1::IdentityRef ref;
  const Family family = family_of(behaviour.family());
  if (family == Family::kNone || !ref.ParseFromString(behaviour.identity())) return;
  IdentityBaseline* one = find(identity_id(ref));
  if (one == nullptr) {
    // Its header was lost on a full disk: it began no later than its first behaviour.
    one = open(identity_id(ref), behaviour.identity(), display_name(from_ref(ref)),
               wall(behaviour.first_seen_ns()));
  }
  if (one == nullptr || one->behaviours.find(behaviour.behaviour()) != nullptr) return;
  const Behaviour* added = one->behaviours.add({.key = behaviour.behaviour(),
                                                .family = family,
                                                .subject = behaviour.subject(),
                                                .object = behaviour.object(),
                                                .image_digest = behaviour.image_digest(),
                                                .pod = behaviour.pod(),
                                                .first_seen_ns = behaviour.first_seen_ns(),
                                                .last_seen_ns = behaviour.last_seen_ns(),
                                                .count = behaviour.count()});
  if (added == nullptr) set_incomplete(*one);
}

BaselineChanges Baselines::take_changes() {
  constexpr std::size_t kAtOnce = 1024;  // an identity is taken whole, so some more may come
  BaselineChanges changes;
  while (changed_first_ != nullptr && changes.behaviours.size() < kAtOnce) {
    IdentityBaseline& one = *changed_first_;
    changed_first_ = std::exchange(one.next_changed, nullptr);
    one.queued = false;
    if (std::exchange(one.header_dirty, false)) changes.baselines.push_back(to_fact(one));
    one.behaviours.take_dirty(
        [&](const Behaviour& behaviour) { changes.behaviours.push_back(to_fact(one, behaviour)); });
  }
  return changes;
}

void Baselines::queue(IdentityBaseline& one) {
  if (std::exchange(one.queued, true)) return;
  (changed_first_ == nullptr ? changed_first_ : changed_last_->next_changed) = &one;
  changed_last_ = &one;
}

void Baselines::set_incomplete(IdentityBaseline& one) {
  if (!std::exchange(one.complete, false)) return;
  one.header_dirty = true;
  queue(one);
}

void Baselines::mark_incomplete(std::uint64_t identity_id) {
  if (IdentityBaseline* one = find(identity_id); one != nullptr) set_incomplete(*one);
}

void Baselines::mark_all_incomplete() {
  for (const auto& one : all_) set_incomplete(*one);
}

bool Baselines::complete(std::uint64_t identity_id) const {
  const IdentityBaseline* one = find(identity_id);
  return one != nullptr && one->complete;
}

BaselineState Baselines::state(std::uint64_t identity_id, BootTime at) const {
  const IdentityBaseline* one = find(identity_id);
  return one == nullptr ? BaselineState::kCold : one->state(settings_.clock.wall(at));
}

std::size_t Baselines::bytes(std::uint64_t identity_id) const {
  const IdentityBaseline* one = find(identity_id);
  return one == nullptr ? 0 : one->behaviours.bytes();
}

}  // namespace idtrail
