// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "idtrail/behaviour.h"

namespace idtrail {

/// A behaviour that the pipeline has judged known, or need not hear of again, and where its count
/// belongs.
struct KnownBehaviour {
  behaviour key;
  std::uint64_t identity_id = 0;
  std::uint64_t behaviour_id = 0;  // in the baseline; 0: it takes no part in one
  std::uint64_t place = 0;
};

/// What may carry away a credential that was read: after a read that is new it is sent again.
constexpr bool is_outward(std::uint32_t kind) {
  return kind == EVENT_connect || kind == EVENT_flow;
}

/// What the pipeline wants of the kernel's cache of verdicts. Without effect on what it finds: a
/// replay ignores them. Bounded: what finds no room is simply sent again.
struct CacheOrders {
  static constexpr std::size_t kMax = 4096;
  bool forget_all = false;                    // somebody's identity has changed
  std::vector<std::uint64_t> forget_outward;  // of these places, before the next are added
  std::vector<KnownBehaviour> known;
};

}  // namespace idtrail
