// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/common/result.h"

namespace idtrail {

/// From now on every thread of this process makes only the system calls that a running agent
/// makes (DESIGN.md, decision 29). Any other fails with EPERM and is counted. Needs no right;
/// kUnsupported where the kernel has no seccomp filters.
Result<void> confine_agent();

/// The same for the helper of the self-test, which needs a dozen.
Result<void> confine_helper();

struct RefusedCalls {
  std::uint64_t count = 0;
  int last = -1;  // its number
};
/// Of this process. Any thread.
RefusedCalls refused_calls();

}  // namespace idtrail
