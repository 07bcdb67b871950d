// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "idtrail/recording.pb.h"

namespace idtrail {

/// True for what containerd accepts as an id, and what may therefore become a part of a path.
bool is_container_id(std::string_view id);

/// What containerd's own state says of a running container: the bundle's OCI configuration under
/// <state>/io.containerd.runtime.v2.task/<namespace>/<id>. Only root can write there. For
/// containers without Kubernetes (namespaces default, moby), and for Kubernetes ones where the CRI
/// socket does not answer.
std::optional<v1::ContainerFact> read_bundle(const std::filesystem::path& state,
                                             const std::string& container_id);

}  // namespace idtrail
