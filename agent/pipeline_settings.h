// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/identity/resolver.h"
#include "core/baseline/baselines.h"
#include "core/detect/detector.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

// What each stage is told by the recording's snapshot, so that a replay runs as the agent did.
ClockOffset clock_of(const v1::SnapshotFact& snapshot);
NodeSettings node_settings(const v1::SnapshotFact& snapshot);
BaselineSettings baseline_settings(const v1::SnapshotFact& snapshot);
DetectorSettings detector_settings(const v1::SnapshotFact& snapshot);

}  // namespace idtrail
