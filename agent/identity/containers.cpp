// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/containers.h"

#include <algorithm>
#include <utility>

namespace idtrail {
namespace {

constexpr std::size_t kPodsMax = 8192;
constexpr std::size_t kEarlyMax = 1024;
constexpr std::size_t kLookUpsMax = 4096;
constexpr std::size_t kShortIdSize = 12;  // of a container id, as runtimes show it
constexpr std::chrono::seconds kAskAgainMin{1};
constexpr std::uint32_t kAskDoublings = 6;  // at most every 64 s
constexpr const char* kSandboxContainer = "sandbox";

std::string key_of(const CgroupPath& path, PlaceKind kind) {
  switch (kind) {
    case PlaceKind::kContainer:
      return "c:" + path.container_id;
    case PlaceKind::kPod:
      return "p:" + path.pod_uid;
    case PlaceKind::kUnit:
      return "u:" + path.unit;
    default:
      return "h:";
  }
}

PlaceKind kind_of(const CgroupPath& path) {
  if (!path.container_id.empty() && !path.monitor) return PlaceKind::kContainer;
  if (!path.pod_uid.empty()) return PlaceKind::kPod;
  return path.unit.empty() ? PlaceKind::kHost : PlaceKind::kUnit;
}

}  // namespace

Containers::Containers(const NodeSettings& settings, Counters& counters)
    : settings_(settings), counters_(counters) {
  host_ = &add("h:", {}, PlaceKind::kHost);
  ++host_->cgroups;  // the node itself is never forgotten
}

Place& Containers::place_of(const CgroupPath& path) {
  const PlaceKind kind = kind_of(path);
  if (kind == PlaceKind::kHost) return *host_;
  std::string key = key_of(path, kind);
  const auto found = places_.find(key);
  if (found == places_.end()) return add(std::move(key), path, kind);
  Place& place = *found->second;
  if (place.path.pod_uid.empty() && place.answer != Answer::kFound) {
    place.path = path;  // a Fact made the place; now its cgroup says more
    name_from_path(place);
  }
  return place;
}

Place& Containers::unknown_place() {
  return add("x:" + std::to_string(next_serial_), {}, PlaceKind::kUnannounced);
}

Place& Containers::add(std::string key, const CgroupPath& path, PlaceKind kind) {
  auto made = std::make_unique<Place>();
  made->serial = next_serial_++;
  made->kind = kind;
  made->path = path;
  made->instance.node = settings_.node;
  name_from_path(*made);
  return *(places_[std::move(key)] = std::move(made));
}

void Containers::release(Place& place) {
  if (place.cgroups != 0 || place.waiting != 0) return;
  if (place.kind == PlaceKind::kUnannounced) {
    places_.erase("x:" + std::to_string(place.serial));
  } else {
    places_.erase(key_of(place.path, place.kind));
  }
}

void Containers::name(Place& place, Identity identity) {
  const std::uint64_t before = place.identity_id;
  place.identity_id = identity_id(identity);
  if (place.seen_event && place.identity_id != before) counters_.add(Counter::identity_changed);
  std::weak_ptr<const Identity>& known = identities_[place.identity_id];
  place.identity = known.lock();
  if (!place.identity) {
    place.identity = std::make_shared<const Identity>(std::move(identity));
    known = place.identity;
    if (identities_.size() > 2 * places_.size() + 64) {
      std::erase_if(identities_, [](const auto& entry) { return entry.second.expired(); });
    }
  }
}

/// What the cgroup's path alone tells: the whole truth of a unit, a fall-back for a container.
void Containers::name_from_path(Place& place) {
  const CgroupPath& path = place.path;
  Identity who;
  who.cluster = settings_.cluster;
  if (place.kind == PlaceKind::kUnit) {
    who.kind = IdentityKind::kUnit;
    who.owner_kind = "Unit";
    who.owner_name = path.unit;
  } else if (!path.pod_uid.empty()) {
    who.kind = IdentityKind::kPod;
    who.namespace_name = kUnknown;
    who.owner_kind = "Pod";
    who.owner_name = path.pod_uid;
    who.container = path.container_id.substr(0, kShortIdSize);
  } else if (place.kind == PlaceKind::kContainer) {
    who.kind = IdentityKind::kContainer;
    who.owner_kind = "Container";
    who.owner_name = path.container_id.substr(0, kShortIdSize);
  } else {
    who.owner_kind = "Host";
    who.owner_name = place.kind == PlaceKind::kUnannounced ? kUnknown : settings_.node;
  }
  place.instance.pod_uid = path.pod_uid;
  place.instance.container_id = path.container_id;
  name(place, std::move(who));
}

void Containers::name_from_fact(Place& place, const v1::ContainerFact& fact) {
  Instance& here = place.instance;
  here.container_id = fact.container_id();
  here.image = fact.image();
  here.image_digest = fact.image_digest();
  here.pod_name = fact.pod();
  if (!fact.pod_uid().empty()) here.pod_uid = fact.pod_uid();
  place.sandbox = fact.sandbox();
  Identity who;
  who.cluster = settings_.cluster;
  if (fact.pod_uid().empty()) {
    who.kind = IdentityKind::kContainer;
    who.namespace_name = fact.namespace_();
    who.owner_kind = fact.owner_kind().empty() ? "Container" : fact.owner_kind();
    const std::string& plain = fact.container().empty() ? fact.image() : fact.container();
    who.owner_name = fact.owner_name().empty() ? plain : fact.owner_name();
    // A pod of podman's, which has no uid.
    if (!fact.pod().empty()) who.container = fact.sandbox() ? kSandboxContainer : fact.container();
  } else {
    who.kind = IdentityKind::kPod;
    who.namespace_name = fact.namespace_();
    const bool owned = !fact.owner_kind().empty() && !fact.owner_name().empty();
    who.owner_kind = owned ? fact.owner_kind() : "Pod";
    who.owner_name = owned ? fact.owner_name() : fact.pod();
    who.container = fact.sandbox() ? kSandboxContainer : fact.container();
    PodAccount& account = pod_account(fact.pod_uid());
    account.namespace_name = fact.namespace_();
    account.pod_name = fact.pod();
    if (!account.service_account.empty()) who.service_account = account.service_account;
  }
  name(place, std::move(who));
}

Place* Containers::on_fact(const v1::ContainerFact& fact) {
  const std::string key = "c:" + fact.container_id();
  const auto found = places_.find(key);
  if (found == places_.end()) {
    if (!fact.found()) return nullptr;
    Place& place = add(key, {.container_id = fact.container_id()}, PlaceKind::kContainer);
    place.answer = Answer::kFound;
    name_from_fact(place, fact);
    early_.push_back(key);
    if (early_.size() > kEarlyMax) {
      const auto oldest = places_.find(early_.front());
      early_.pop_front();
      if (oldest != places_.end()) release(*oldest->second);
    }
    return nullptr;
  }
  Place& place = *found->second;
  if (!fact.found()) {
    if (place.answer == Answer::kNone) counters_.add(Counter::container_refused);
    if (place.answer != Answer::kFound) place.answer = Answer::kRefused;
    return &place;
  }
  place.answer = Answer::kFound;
  name_from_fact(place, fact);
  return &place;
}

Containers::PodAccount& Containers::pod_account(const std::string& uid) {
  const auto [found, made] = pods_.try_emplace(uid);
  if (!made) return found->second;
  pod_order_.push_back(uid);
  if (pod_order_.size() > kPodsMax) {
    pods_.erase(pod_order_.front());
    pod_order_.pop_front();
  }
  return found->second;
}

void Containers::on_claims(const std::string& pod_uid, const v1::TokenClaims& claims) {
  const bool foreign = !claims.pod_uid().empty() && claims.pod_uid() != pod_uid;
  if (pod_uid.empty() || foreign || claims.service_account().empty()) return;
  PodAccount& account = pod_account(pod_uid);
  if (account.service_account == claims.service_account()) return;
  account.service_account = claims.service_account();
  if (account.namespace_name.empty()) account.namespace_name = claims.namespace_();
  if (account.pod_name.empty()) account.pod_name = claims.pod();
  for (const auto& [key, place] : places_) {
    if (place->answer != Answer::kFound || place->instance.pod_uid != pod_uid) continue;
    if (place->identity->kind != IdentityKind::kPod) continue;
    if (place->seen_event) counters_.add(Counter::service_account_late);
    Identity who = *place->identity;
    who.service_account = account.service_account;
    name(*place, std::move(who));
  }
}

bool Containers::resolved(const Place& place) {
  switch (place.kind) {
    case PlaceKind::kContainer:
      return place.answer == Answer::kFound;
    case PlaceKind::kPod:
    case PlaceKind::kUnannounced:
      return false;
    default:
      return true;
  }
}

bool Containers::settled(const Place& place, BootTime now) const {
  if (place.kind == PlaceKind::kUnannounced) return place.answer == Answer::kRefused;
  if (place.kind != PlaceKind::kContainer) return true;
  if (place.answer != Answer::kFound) return place.answer == Answer::kRefused;
  if (place.identity->kind != IdentityKind::kPod || place.sandbox || place.account_known()) {
    return true;
  }
  // Its token may still be on the way; after the deadline the account stays unknown.
  return !place.asked || now >= place.first_asked_at + settings_.identity_deadline;
}

void Containers::ask(Place& place, std::uint64_t cgroup, BootTime now) {
  const bool known = place.kind != PlaceKind::kUnannounced && place.kind != PlaceKind::kContainer;
  if (known || place.answer == Answer::kFound ||
      (place.kind == PlaceKind::kUnannounced && cgroup == 0)) {
    return;
  }
  const auto pause = kAskAgainMin * (1U << std::min(place.times_asked, kAskDoublings)) / 2;
  if (place.asked && now - place.asked_at < pause) return;
  if (!place.asked) place.first_asked_at = now;
  place.asked = true;
  place.asked_at = now;
  ++place.times_asked;
  if (place.kind == PlaceKind::kUnannounced) {
    ask({.what = LookUp::What::kCgroup, .cgroup = cgroup});
  } else {
    ask({.what = LookUp::What::kContainer, .container_id = place.path.container_id});
  }
}

void Containers::ask(LookUp look_up) {
  if (look_ups_.size() >= kLookUpsMax) {
    counters_.add(Counter::look_up_overflow);
    return;
  }
  look_ups_.push_back(std::move(look_up));
}

std::vector<LookUp> Containers::take_look_ups() { return std::exchange(look_ups_, {}); }

const Containers::PodAccount* Containers::pod(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : &found->second;
}

std::vector<std::uint64_t> Containers::identity_ids() const {
  std::vector<std::uint64_t> ids;
  for (const auto& [key, place] : places_) ids.push_back(place->identity_id);
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

}  // namespace idtrail
