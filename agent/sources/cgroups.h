// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "idtrail/recording.pb.h"

namespace idtrail {

/// Walks the cgroup v2 hierarchy mounted at `root`, parents before children, until `each` returns
/// false. Bounded: 65536 cgroups. Returns how many were beyond the bound or gone.
std::uint64_t walk_cgroups(const std::string& root,
                           const std::function<bool(const v1::CgroupFact&)>& each);

/// The cgroup of that id and its ancestors, parents first; empty where it is gone.
std::vector<v1::CgroupFact> find_cgroup(const std::string& root, std::uint64_t id);

}  // namespace idtrail
