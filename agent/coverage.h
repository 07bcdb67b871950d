// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/counters.h"
#include "core/baseline/baselines.h"
#include "core/detect/finding.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// What findings need from the stages that detectors do not see: the baseline's view and what was
/// seen and what was not.
class Coverage final : public FindingContext {
 public:
  /// All three outlive it.
  Coverage(const v1::SnapshotFact& snapshot, const Counters& counters, const Baselines& baselines);

  v1::BaselineDiff baseline_diff(const Observation& seen) const override;
  v1::Coverage coverage(const Observation& seen) const override;
  /// Of the node as a whole.
  [[nodiscard]] v1::CoverageReply reply() const;

 private:
  [[nodiscard]] v1::Coverage node_wide(bool with_idle_classes) const;

  const v1::SnapshotFact& snapshot_;
  const Counters& counters_;
  const Baselines& baselines_;
};

}  // namespace idtrail
