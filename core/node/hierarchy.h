// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/common/result.h"

namespace idtrail {

/// The hierarchy whose cgroups name this node's containers. In a hybrid set-up, systemd's unified
/// hierarchy has no controllers, and container runtimes make their cgroups in those of version 1.
struct CgroupHierarchy {
  std::string controller{};  // "memory" or "pids" of version 1; empty: the unified hierarchy
  std::uint32_t id = 0;      // the kernel's number of it, 0 for the unified one
  std::string root{};        // where it is mounted
};

/// Decides by PROC/cgroups (see cgroups(7)): `memory`, or else `pids`, where version 1 has it, else
/// version 2. `top` is where cgroup file systems are mounted, as /sys/fs/cgroup.
/// kUnsupported: no such hierarchy is mounted at or below `top`.
Result<CgroupHierarchy> find_hierarchy(const std::string& proc, const std::string& top);

}  // namespace idtrail
