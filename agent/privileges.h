// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/common/result.h"

namespace idtrail {

/// Lays down, for good, every capability that is not needed once the programs are attached. Kept,
/// where they are held: CAP_BPF for the maps, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH to read
/// executables and volumes through /proc/PID. Nothing that is executed gets any back.
/// Before any thread starts: a capability is a thread's.
Result<void> drop_capabilities();

/// The same, and CAP_BPF too: for a process that only looks into others.
Result<void> drop_to_looking();

/// The same, and all of them: for a process that needs no right at all.
Result<void> drop_all_capabilities();

}  // namespace idtrail
