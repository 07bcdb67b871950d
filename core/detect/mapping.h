// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// Where the rule stands in the frameworks that a reader may report by; empty for an unknown rule.
v1::Mapping mapping_of(std::string_view rule);

}  // namespace idtrail
