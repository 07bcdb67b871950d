// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/common/result.h"
#include "tests/rig/token.h"

namespace idtrail::rig {

/// Where the token volume is seen inside a container.
constexpr const char* kTokenMount = "/var/run/secrets/kubernetes.io/serviceaccount";

struct Volume {
  std::filesystem::path path;  // on the node, below the kubelet's root
  std::string jti;
};

/// Makes the projected volume kube-api-access-xxxxx of a pod: a tmpfs of its own with token, ca.crt
/// and namespace in the layout of the kubelet's AtomicWriter. Files are 0644; with an fsGroup the
/// token is 0640 and theirs.
Result<Volume> create_volume(const std::filesystem::path& kubelet_root, const Bearer& bearer,
                             std::optional<gid_t> fs_group);

/// Writes a new token (new jti) for the same bearer, as the kubelet does before the old one ages.
Result<Volume> rotate_volume(const std::filesystem::path& kubelet_root, const std::string& pod_uid);

/// Unmounts and removes the pod's volumes and its folder. Succeeds if there are none.
Result<void> delete_volumes(const std::filesystem::path& kubelet_root, const std::string& pod_uid);

}  // namespace idtrail::rig
