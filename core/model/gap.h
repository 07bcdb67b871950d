// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "core/common/time.h"

namespace idtrail {

/// Why something may not have been seen.
enum class GapCause : std::uint8_t {
  kUnnamed,
  kRingFull,         // the kernel had no room for a record
  kQuotaSpent,       // one cgroup sent more than its share
  kProbeDetached,    // a program of ours is not where it was attached
  kMapChanged,       // somebody else wrote what only the agent writes
  kAgentStopped,     // a signal stopped the agent, and another let it go on
  kAgentDelayed,     // the agent did not get to run
  kAgentTraced,      // a process reaches, or may reach, into the agent
  kSelfTestMissing,  // an act that was done on purpose did not come back as a record
  kCallRefused,      // the agent made a system call that it never makes
  kAgentAbsent,      // no agent ran, and not all that happened was kept for the next
  kRunsMissed,       // the kernel left out runs of a program of ours
};

/// "ring-full", "quota-spent", …
const char* cause_name(GapCause cause);
/// kUnnamed for any other word.
GapCause cause_of(std::string_view name);

/// A time in which something may not have been seen. No record of the kernel: the agent's own word.
struct Gap {
  GapCause cause = GapCause::kUnnamed;
  std::string_view object;  // the event class, probe or map, where it is one of them
  std::string_view text;    // what was found
  BootTime from{};
  BootTime until{};
  std::uint64_t lost = 0;  // events, where they were counted
};

}  // namespace idtrail
