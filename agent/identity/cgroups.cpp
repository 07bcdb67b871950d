// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/cgroups.h"

namespace idtrail {
namespace {

std::uint64_t number(CgroupId id) { return static_cast<std::uint64_t>(id); }

bool lies_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

Cgroups::Cgroups(const NodeSettings& settings, Containers& containers, Counters& counters)
    : scope_(settings.scope_cgroup), containers_(containers), counters_(counters) {
  while (scope_.ends_with('/')) scope_.pop_back();
  if (!scope_.empty() && !scope_.starts_with('/')) scope_.insert(0, 1, '/');
  nowhere_ = &containers_.unknown_place();
  nowhere_->answer = Answer::kRefused;
  ++nowhere_->cgroups;
}

bool Cgroups::in_scope(std::string_view path) const { return lies_in(path, scope_); }

/// True for the scope's own cgroup and its ancestors: where we watch what lies inside a container,
/// as on a node that is itself a container, that container is our host.
bool Cgroups::above_scope(std::string_view path) const {
  return !scope_.empty() && (path == "/" || lies_in(scope_, path));
}

Place& Cgroups::place_below(const Node* parent, std::string_view path) {
  if (above_scope(path)) return containers_.host();
  if (parent != nullptr && parent->place->is_container()) return *parent->place;
  std::string_view own = path;
  if (!scope_.empty() && in_scope(path)) own.remove_prefix(scope_.size());
  return containers_.place_of(parse_outermost_cgroup_path(own));
}

Cgroups::Node& Cgroups::add(std::uint64_t id, std::uint64_t parent_id, std::string_view path,
                            bool live) {
  const Node* parent = nodes_.find(parent_id);
  if (parent != nullptr && parent->place->kind == PlaceKind::kUnannounced) parent = nullptr;
  Place& place = place_below(parent, path);
  const bool root_of_place = parent == nullptr || parent->place != &place;
  if (live && root_of_place) {
    // A container that is started again keeps its id but begins anew.
    place.made_live = true;
    place.has_first = false;
  }
  ++place.cgroups;
  Node& node = nodes_[id];
  node = {.place = &place, .parent = parent_id, .in_scope = scope_.empty() || in_scope(path)};
  return node;
}

Place* Cgroups::replace(std::uint64_t id, std::uint64_t parent, std::string_view path, bool live) {
  Place* before = nullptr;
  const Node* known = nodes_.find(id);
  if (known != nullptr && known->place->kind == PlaceKind::kUnannounced) {
    before = known->place;
    --before->cgroups;
    nodes_.erase(id);
  } else if (known != nullptr) {
    erase(id);
  }
  if (nodes_.size() >= kCapacity) {
    counters_.add(Counter::cgroup_overflow);
    return nullptr;
  }
  const Node& node = add(id, parent, path, live);
  if (before != nullptr) before->moved_to = node.place;
  return before;
}

Place* Cgroups::on_changed(const CgroupChanged& changed, BootTime now) {
  const std::uint64_t id = number(changed.id);
  Node* known = nodes_.find(id);
  if (changed.removed) {
    if (known == nullptr || known->removed) return nullptr;
    known->removed = true;
    known->removed_at = now;
    removed_.push_back({.id = id, .at = now});
    return nullptr;
  }
  if (known != nullptr && !known->removed && known->place->kind != PlaceKind::kUnannounced) {
    known->place->made_live = true;  // a Fact was quicker than the ring
    return nullptr;
  }
  if (nodes_.size() >= kCapacity) forget_removed(now);
  return replace(id, number(changed.parent), changed.path, true);
}

Place* Cgroups::on_fact(const v1::CgroupFact& fact) {
  const Node* known = nodes_.find(fact.id());
  if (known != nullptr && known->place->kind != PlaceKind::kUnannounced) return nullptr;
  return replace(fact.id(), fact.parent_id(), fact.path(), false);
}

Cgroups::Node Cgroups::find(CgroupId id) {
  if (const Node* node = nodes_.find(number(id))) return *node;
  counters_.add(Counter::cgroup_unknown);
  if (number(id) == 0 || nodes_.size() >= kCapacity) return {.place = nowhere_};
  Place& place = containers_.unknown_place();
  ++place.cgroups;
  return nodes_[number(id)] = {.place = &place};
}

const Cgroups::Node* Cgroups::known(CgroupId id) const { return nodes_.find(number(id)); }

void Cgroups::erase(std::uint64_t id) {
  const Node* node = nodes_.find(id);
  if (node == nullptr) return;
  Place& place = *node->place;
  nodes_.erase(id);
  --place.cgroups;
  containers_.release(place);
}

void Cgroups::forget_removed(BootTime now) {
  const bool full = nodes_.size() >= kCapacity;
  while (!removed_.empty() && (full || now - removed_.front().at >= kKeepRemoved)) {
    const Removed oldest = removed_.front();
    removed_.pop_front();
    const Node* node = nodes_.find(oldest.id);
    // The number may have been given to another cgroup since.
    if (node != nullptr && node->removed && node->removed_at == oldest.at) erase(oldest.id);
    if (full && nodes_.size() < kCapacity) return;
  }
}

}  // namespace idtrail
