// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/detect/finding.h"
#include "core/model/observation.h"

namespace idtrail {

/// Turns observations into findings. Pipeline thread only; holds its own state.
/// inspect() must not allocate for an observation that raises nothing.
class Detector {
 public:
  virtual ~Detector() = default;
  virtual void inspect(const Observation& seen, Findings& findings) = 0;
  /// State that was given up because its bound was reached; a finding may be missing for each.
  [[nodiscard]] virtual std::uint64_t forgotten() const { return 0; }
};

struct DetectorSpec {
  std::string_view identifier;
  std::string_view rule;
  std::string_view summary;
  std::unique_ptr<Detector> (*make)(const DetectorSettings& settings);
};

/// Every detector, in the order of detectors.def.
std::span<const DetectorSpec> detector_specs();

/// One of each.
std::vector<std::unique_ptr<Detector>> make_detectors(const DetectorSettings& settings);

}  // namespace idtrail
