// SPDX-License-Identifier: Apache-2.0
#include "core/model/gap.h"

#include <cstddef>
#include <iterator>

namespace idtrail {
namespace {

// In the order of the enumeration.
constexpr const char* kNames[] = {"unnamed",        "ring-full",    "quota-spent",
                                  "probe-detached", "map-changed",  "agent-stopped",
                                  "agent-delayed",  "agent-traced", "self-test-missing",
                                  "call-refused",   "agent-absent", "runs-missed"};

}  // namespace

const char* cause_name(GapCause cause) { return kNames[static_cast<std::size_t>(cause)]; }

GapCause cause_of(std::string_view name) {
  for (std::size_t at = 0; at < std::size(kNames); ++at) {
    if (name == kNames[at]) return static_cast<GapCause>(at);
  }
  return GapCause::kUnnamed;
}

}  // namespace idtrail
