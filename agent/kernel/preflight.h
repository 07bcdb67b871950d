// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/common/result.h"

namespace idtrail {

/// Looks whether this process may load programs and this kernel describes its types, before
/// anything is tried. kPermission: a right is missing; kUnsupported: the kernel was built without.
Result<void> preflight();

/// The error for a bpf() that failed although preflight() was content.
Error bpf_refused(int error_number, const std::string& what);

}  // namespace idtrail
