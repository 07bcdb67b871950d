// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "agent/counters.h"
#include "agent/identity/containers.h"
#include "agent/identity/flat_map.h"
#include "core/model/event.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// The cgroup tree: which cgroup is which place. A child of a container's cgroup is that
/// container, whatever its path says: the container may have made it. Bounded; removed cgroups
/// are kept for a while, since a pod that dies at once still deserves its name.
class Cgroups {
 public:
  static constexpr std::chrono::minutes kKeepRemoved{2};
  static constexpr std::size_t kCapacity = 65536;

  struct Node {
    Place* place = nullptr;
    std::uint64_t parent = 0;
    bool in_scope = true;
    bool removed = false;
    BootTime removed_at{};
  };

  Cgroups(const NodeSettings& settings, Containers& containers, Counters& counters);

  /// Both return the place that stood for the cgroup while it was unknown, with moved_to set; null
  /// where it was not. The caller releases it when nothing waits for it.
  Place* on_changed(const CgroupChanged& changed, BootTime now);
  /// A cgroup that was there before us, or that was asked for.
  Place* on_fact(const v1::CgroupFact& fact);
  /// The cgroup of an event. One that nobody announced gets a place of its own until somebody does.
  Node find(CgroupId id);
  /// Null where it was never announced.
  [[nodiscard]] const Node* known(CgroupId id) const;
  void forget_removed(BootTime now);
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  Node& add(std::uint64_t id, std::uint64_t parent, std::string_view path, bool live);
  Place& place_below(const Node* parent, std::string_view path);
  [[nodiscard]] bool in_scope(std::string_view path) const;
  [[nodiscard]] bool above_scope(std::string_view path) const;
  Place* replace(std::uint64_t id, std::uint64_t parent, std::string_view path, bool live);
  void erase(std::uint64_t id);

  struct Removed {
    std::uint64_t id = 0;
    BootTime at{};
  };
  std::string scope_;  // with a slash in front, none at the end
  Containers& containers_;
  Counters& counters_;
  FlatMap<Node> nodes_;
  std::deque<Removed> removed_;
  Place* nowhere_ = nullptr;  // of id 0, and of what finds no room
};

}  // namespace idtrail
