// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "idtrail/idtrail.pb.h"

namespace idtrail {

struct NodeSettings {
  std::string proc = "/proc";
  std::string sys = "/sys";
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string containerd_socket = "/run/containerd/containerd.sock";
  std::string kubelet_root = "/var/lib/kubelet";
  /// Whether the kernel may be asked with bpf(2) what it allows. The attempts load nothing that
  /// runs: a two-instruction program that is closed at once, and a BTF that is only looked up.
  bool ask_bpf = true;
};

/// What this node lets a sensor see, each failed check with what to do about it: kernel, BTF,
/// bpf(2), capabilities, lockdown, cgroups, bpffs, container runtime. Needs no agent and changes
/// nothing.
std::vector<v1::Check> check_node(const NodeSettings& settings);

/// "failed" where one check failed, else "degraded" where one did, else "ok".
std::string worst_state(const std::vector<v1::Check>& checks);

}  // namespace idtrail
