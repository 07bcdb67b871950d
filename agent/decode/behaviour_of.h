// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/model/event.h"
#include "idtrail/behaviour.h"

namespace idtrail {

/// The event's behaviour as the kernel's cache of verdicts knows it; nothing for an event that is
/// always sent.
std::optional<behaviour> behaviour_of(const Event& event);

}  // namespace idtrail
