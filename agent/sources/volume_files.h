// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "idtrail/recording.pb.h"

namespace idtrail {

/// A kubelet volume by its mount point: <kubelet
/// root>/pods/<uid>/volumes/kubernetes.io~<plugin>/<name>.
struct VolumePath {
  std::string pod_uid;
  std::string plugin;  // projected, secret, csi
  std::string name;
  bool operator==(const VolumePath&) const = default;
};

/// Nothing where the mount point is none of a credential volume.
std::optional<VolumePath> parse_volume_path(std::string_view mount_point,
                                            std::string_view kubelet_root);

/// Fills kind and files of `fact`: which files lie in the volume mounted at `mount_point` below the
/// directory `root`, and which are credentials. Files are opened beneath the volume only, no link
/// is followed; a token's bytes are wiped before this returns, only its claims are kept.
/// False where the volume could not be listed or is of another device by now.
bool list_volume(int root, const std::string& mount_point, const VolumePath& path,
                 v1::VolumeFact& fact);

}  // namespace idtrail
