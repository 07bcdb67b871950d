// SPDX-License-Identifier: Apache-2.0
#include "core/detect/detector.h"

namespace idtrail {

#define DETECTOR(identifier, rule, summary, ...) \
  std::unique_ptr<Detector> make_##identifier(const DetectorSettings& settings);
#include "core/detect/detectors.def"
#undef DETECTOR

namespace {

constexpr DetectorSpec kDetectors[] = {
#define DETECTOR(identifier, rule, summary, ...) {#identifier, rule, summary, make_##identifier},
#include "core/detect/detectors.def"
#undef DETECTOR
};

}  // namespace

std::span<const DetectorSpec> detector_specs() { return kDetectors; }

std::vector<std::unique_ptr<Detector>> make_detectors(const DetectorSettings& settings) {
  std::vector<std::unique_ptr<Detector>> detectors;
  for (const DetectorSpec& spec : detector_specs()) detectors.push_back(spec.make(settings));
  return detectors;
}

}  // namespace idtrail
