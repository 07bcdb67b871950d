// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/rig/cri_client.h"
#include "tests/rig/volume.h"

namespace idtrail::rig {

/// Where a node keeps its pods.
struct Node {
  std::string name;
  std::filesystem::path kubelet_root;
  std::string cgroup_parent;               // kubepods is made below it
  std::string cgroup_driver = "cgroupfs";  // or systemd: slices and scopes, below the root
};

struct PodSpec {
  Bearer bearer;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::string container;
  std::string image;
  std::map<std::string, std::string> environment;
  std::vector<std::string> argv;
  std::optional<gid_t> fs_group;
  std::optional<uid_t> user;
  bool host_network = false;
};

/// Does what the kubelet does for a Burstable pod with one container: token volume, sandbox,
/// container. Returns {pod, namespace, uid, sandbox_id, container_id, ip, image_id, cgroup, volume,
/// jti}. What was made before a failure is removed again.
Result<nlohmann::json> create_pod(CriClient& runtime, const Node& node, const PodSpec& spec);

/// Removes the pod, its volumes and its cgroup.
Result<void> delete_pod(CriClient& runtime, const Node& node, const cri::PodSandbox& sandbox);

Result<cri::PodSandbox> find_pod(CriClient& runtime, const std::string& namespace_name,
                                 const std::string& name);

/// A running container of the pod; the newest if its name is empty.
Result<std::string> find_container(CriClient& runtime, const std::string& sandbox,
                                   const std::string& name);

}  // namespace idtrail::rig
