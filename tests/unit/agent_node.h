// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "agent/decode/decoder.h"
#include "agent/identity/resolver.h"
#include "tests/unit/agent_facts.h"
#include "tests/unit/agent_records.h"

namespace idtrail::testing {

inline const std::string kIdA(64, 'a');
inline const std::string kIdB(64, 'b');
inline const std::string kPodUid = "0f1e2d3c-aaaa-4bbb-8ccc-1234567890ab";

constexpr std::uint64_t kRootCgroup = 1;
constexpr std::uint64_t kRuntimeCgroup = 2;  // containerd's unit
constexpr std::uint64_t kPodCgroup = 10;
constexpr std::uint64_t kCgroupA = 11;

constexpr std::uint32_t kTokenDevice = 77;
constexpr std::uint64_t kTokenInode = 500;

inline std::string pod_path() { return "/kubepods/burstable/pod" + kPodUid; }
inline std::string path_a() { return pod_path() + "/" + kIdA; }

/// A resolver on a node where containerd runs as tgid 50, and one pod's cgroup is there.
class Node {
 public:
  explicit Node(const std::string& scope = {})
      : resolver_({.node = "node-1",
                   .cluster = "lab",
                   .scope_cgroup = scope,
                   .identity_deadline = std::chrono::seconds(2)},
                  {"/usr/bin/kubelet"}, counters_) {
    fact(cgroup_fact(kRootCgroup, 0, "/"));
    fact(cgroup_fact(kRuntimeCgroup, kRootCgroup, "/system.slice/containerd.service"));
    fact(cgroup_fact(kPodCgroup, kRootCgroup, pod_path()));
    fact(process_fact({.tgid = 50,
                       .start = 5,
                       .parent = 1,
                       .cgroup = kRuntimeCgroup,
                       .executable = "/usr/bin/containerd",
                       .host_mntns = true}));
  }

  bool fact(const v1::Fact& one) { return resolver_.apply(one); }

  std::optional<Actor> feed(const Bytes& record) {
    record_ = record;
    if (decode_record(record_, event_) != Refusal::kNone) return std::nullopt;
    return resolver_.apply(event_, event_.at);
  }

  /// The same for an event that must have an actor.
  const Subject& subject(const Bytes& record) {
    actor_ = feed(record).value();
    return **actor_.subject;
  }
  Who who(const Bytes& record) {
    actor_ = feed(record).value();
    return resolver_.who(event_, actor_);
  }

  /// containerd forks a runc that moves itself into the container and runs init from a memfd.
  /// Returns the process that will become the container's.
  Act runc_into(std::uint64_t cgroup, std::uint32_t tgid, std::uint64_t at = kSecond) {
    const Act outside{.at = at, .cgroup = kRuntimeCgroup, .tgid = tgid, .start = at};
    feed(fork_record({.at = at, .cgroup = kRuntimeCgroup, .tgid = 50, .start = 5}, outside));
    feed(exec_record(outside, {.path = "/usr/bin/runc", .flags = EXEC_HOST_MNTNS}));
    Act inside = outside;
    inside.cgroup = cgroup;
    feed(exec_record(inside, {.path = "/memfd:runc_cloned:/proc/self/exe",
                              .flags = EXEC_HOST_MNTNS | EXEC_MEMFD,
                              .args = std::string("runc\0init", 9)}));
    return inside;
  }

  /// The pod's first container, running `path`.
  Act start_a(const std::string& path = "/usr/bin/node") {
    feed(cgroup_record({}, kCgroupA, kPodCgroup, path_a()));
    const Act first = runc_into(kCgroupA, 200);
    feed(exec_record(first, {.path = path, .flags = EXEC_OVERLAY}));
    return first;
  }

  /// A child of `parent` in the same cgroup.
  Act fork(const Act& parent, std::uint32_t tgid) {
    Act child = parent;
    child.tgid = tgid;
    child.start = parent.start + tgid;
    feed(fork_record(parent, child));
    return child;
  }

  Counters counters_;
  Resolver resolver_;
  Event event_;
  Actor actor_;

 private:
  Bytes record_;
};

}  // namespace idtrail::testing
