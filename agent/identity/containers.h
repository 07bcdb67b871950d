// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/counters.h"
#include "agent/identity/look_up.h"
#include "agent/identity/place.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

struct NodeSettings {
  std::string node;
  std::string cluster;
  std::string scope_cgroup;  // only this subtree is watched; empty: everything
  std::chrono::nanoseconds identity_deadline = std::chrono::seconds(5);
};

/// Every place and who it is: containers by id, units by name. Pipeline thread, event time.
class Containers {
 public:
  Containers(const NodeSettings& settings, Counters& counters);

  /// The place of a cgroup with this path; made where it is new.
  Place& place_of(const CgroupPath& path);
  /// A place of its own for a cgroup that nobody announced.
  Place& unknown_place();
  [[nodiscard]] Place& host() { return *host_; }
  /// Forgets the place where no cgroup and no event needs it any more.
  void release(Place& place);

  /// Null where the container's place is new and nothing waits for it.
  Place* on_fact(const v1::ContainerFact& fact);
  /// A token in a volume of the pod states the pod's service account.
  void on_claims(const std::string& pod_uid, const v1::TokenClaims& claims);

  /// True where the place's identity stands, or will not get better by waiting.
  [[nodiscard]] bool settled(const Place& place, BootTime now) const;
  /// True where the identity is the real one.
  [[nodiscard]] static bool resolved(const Place& place);
  /// Asks the live world who the place is, unless it was asked lately.
  void ask(Place& place, std::uint64_t cgroup, BootTime now);
  void ask(LookUp look_up);
  std::vector<LookUp> take_look_ups();

  struct PodAccount {
    std::string namespace_name;
    std::string pod_name;
    std::string service_account;
  };
  /// Null where no source has named the pod.
  [[nodiscard]] const PodAccount* pod(const std::string& uid) const;
  /// Ids of the identities of all places, each once, in order.
  [[nodiscard]] std::vector<std::uint64_t> identity_ids() const;
  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  Place& add(std::string key, const CgroupPath& path, PlaceKind kind);
  void name(Place& place, Identity identity);
  void name_from_path(Place& place);
  void name_from_fact(Place& place, const v1::ContainerFact& fact);
  PodAccount& pod_account(const std::string& uid);

  const NodeSettings settings_;
  Counters& counters_;
  std::uint64_t next_serial_ = 1;
  std::unordered_map<std::string, std::unique_ptr<Place>> places_;  // by kind and name
  std::unordered_map<std::uint64_t, std::weak_ptr<const Identity>> identities_;
  std::unordered_map<std::string, PodAccount> pods_;  // by uid
  std::deque<std::string> pod_order_;
  std::deque<std::string> early_;  // containers named before their cgroup was seen
  std::vector<LookUp> look_ups_;
  Place* host_ = nullptr;
};

}  // namespace idtrail
