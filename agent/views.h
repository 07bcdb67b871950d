// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "agent/config.h"
#include "agent/kernel/sensor.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// The settings and the clocks' offset as they stand at start; every recording begins with it.
v1::SnapshotFact take_snapshot(const Config& config, std::span<const ProbeStatus> probes);

/// What the live world adds to the pipeline's own counters and gaps.
struct LiveState {
  std::map<std::string, std::uint64_t> counters;
  std::string runtime_missing;  // why the container runtime does not answer; empty where it does
  std::string gap;              // when no agent ran and what that cost; empty: nothing
  std::string volumes_missing;  // why volumes cannot be looked at; empty where they can
};

/// What was lost while no agent ran; nothing where all of it came.
std::optional<v1::GapFact> absence_of(const Takeover& takeover,
                                      std::span<const ProbeStatus> probes);

/// Completes the pipeline's coverage with what only the loader and the sources know.
void complete_coverage(std::span<const ProbeStatus> probes, const LiveState& live,
                       v1::CoverageReply& reply);

/// The agent's own part of `idtrail doctor`: probes, sources, losses, stores.
v1::DoctorReply doctor_view(std::span<const ProbeStatus> probes, const LiveState& live);

/// CLOCK_BOOTTIME, as the kernel stamps records.
std::uint64_t boot_now_ns();

}  // namespace idtrail
