// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "agent/kernel/sensor.h"

namespace idtrail {

/// Tells sets of programs apart that must not share maps: by their code, and by what the options
/// make of it.
std::uint64_t shape_of(const SensorOptions& options);

}  // namespace idtrail
