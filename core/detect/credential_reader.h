// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/detect/finding.h"
#include "core/model/observation.h"

namespace idtrail {

/// Why a read of a credential is suspicious; the first that applies.
enum class ReadSuspicion : std::uint8_t {
  kNone,
  kForeign,  // from outside the pod that owns the credential: always
  kDrift,    // by a program that is not from the image: always
  kSession,  // in an exec session
  kNovel,    // by a subject that the ready baseline does not hold
};

/// The one predicate of the detectors that watch credentials. Does not allocate.
ReadSuspicion judge_read(const Observation& seen, const DetectorSettings& settings);

/// "/bin/busybox (cat) in an exec session read the service account token of shop/cart-7d9-x2x".
std::string read_phrase(const Observation& seen, ReadSuspicion suspicion);

}  // namespace idtrail
