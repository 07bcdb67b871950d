// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include <gtest/gtest.h>

#include "agent/kernel/sensor.h"

namespace idtrail::test {

constexpr std::uint32_t kVerifiedInsnsMax = 20'000;

/// Every probe is attached, and no program of it costs the verifier more than that.
inline void expect_within_budget(std::span<const ProbeStatus> probes) {
  for (const ProbeStatus& probe : probes) {
    EXPECT_FALSE(probe.hook.empty()) << probe.name << ": " << probe.error;
    EXPECT_GT(probe.verified_insns, 0U) << probe.name;
    EXPECT_LE(probe.verified_insns, kVerifiedInsnsMax)
        << probe.name << ": raise the budget on purpose, not by accident";
  }
}

}  // namespace idtrail::test
