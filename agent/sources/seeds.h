// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/node/hierarchy.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

struct SeedSettings {
  std::string proc = "/proc";
  CgroupHierarchy cgroups{.root = "/sys/fs/cgroup"};
};

/// What existed before the first record. Taken after the probes are attached, so that what starts
/// meanwhile is seen twice rather than never.
struct Seeds {
  std::vector<v1::CgroupFact> cgroups;     // parents before children
  std::vector<v1::ProcessFact> processes;  // parents before children
  std::uint64_t skipped = 0;               // beyond a bound, or gone before they were read
};

/// Walks the hierarchy whose cgroups name containers, and /proc. A process's start is known to the
/// clock tick only (10 ms): start_boot_ns is the tick's first nanosecond, the kernel's own value
/// lies within it.
Seeds take_seeds(const SeedSettings& settings);

}  // namespace idtrail
