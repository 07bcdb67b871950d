// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// Commands that contain what the finding shows, looking first, then acting. Every name in them is
/// one quoted word and never an option; names that would act on a terminal give no command.
std::vector<std::string> commands_for(const v1::Finding& finding);

}  // namespace idtrail
