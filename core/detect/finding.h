// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/common/time.h"
#include "core/model/observation.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

struct DetectorSettings {
  ClockOffset clock;
  std::chrono::nanoseconds watch_window = std::chrono::seconds(60);  // after a novel credential read
  std::chrono::nanoseconds cool_down = std::chrono::hours(1);        // same rule, subject and object
};

enum class Severity : std::uint8_t { kInfo, kLow, kMedium, kHigh, kCritical };
enum class Confidence : std::uint8_t { kLow, kMedium, kHigh };

/// What a detector says; everything else on a finding comes from the observation.
struct Raised {
  std::string_view rule;
  Severity severity = Severity::kMedium;
  Confidence confidence = Confidence::kMedium;
  std::string title;
  std::string why;                        // one sentence, made from the evidence
  std::vector<v1::Evidence> earlier;      // events before this one that belong to the finding
};

/// What a finding needs from the stages that the detectors do not see.
class FindingContext {
 public:
  virtual ~FindingContext() = default;
  virtual v1::BaselineDiff baseline_diff(const Observation& seen) const = 0;
  virtual v1::Coverage coverage(const Observation& seen) const = 0;
};

/// Collects the findings of one observation: completes them, drops repeats within the cool-down
/// (and counts them), gives each its content hash as id. Pipeline thread only.
class Findings {
 public:
  Findings(const DetectorSettings& settings, const FindingContext& context);
  void raise(const Observation& seen, Raised raised);
  /// What has been raised since the last call.
  std::vector<v1::Finding> take();
  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::uint64_t repeats() const;

 private:
  // core engineer: fill in
};

/// The finding as its one JSON line: stable snake_case keys, every field present, no line feed,
/// invalid UTF-8 replaced. Byte for byte the same for the same finding.
std::string to_json_line(const v1::Finding& finding);

}  // namespace idtrail
