// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "idtrail/recording.pb.h"

namespace idtrail {

/// What podman's own state says of a container: its name, image and pod. `storage` is the folder
/// that `podman info` calls graphRoot, as /var/lib/containers/storage. Its pods are not Kubernetes'
/// and have no uid: a Fact without one. Nothing where podman has no such container, or is just
/// writing of it. As read from podman 4.3: <driver>-containers/containers.json lists names and
/// images; <driver>-containers/ID/userdata/config.json names the pod's infrastructure container.
std::optional<v1::ContainerFact> read_libpod(const std::filesystem::path& storage,
                                             const std::string& container_id);

}  // namespace idtrail
