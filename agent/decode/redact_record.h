// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "core/common/redact.h"

namespace idtrail {

/// Masks secrets in every text of a record that a workload chose, in place; lengths stay. A record
/// that the decoder would refuse loses all its text, since nobody will read it. Cgroup paths are
/// left alone: identity hangs on them. Returns how many bytes were masked.
std::size_t redact_record(std::span<std::byte> record, Redactor& redactor);

}  // namespace idtrail
