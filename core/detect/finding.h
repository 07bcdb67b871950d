// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/common/time.h"
#include "core/model/observation.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

struct DetectorSettings {
  ClockOffset clock;
  std::chrono::nanoseconds watch_window = std::chrono::seconds(60);  // after a suspicious read
  std::chrono::nanoseconds cool_down = std::chrono::hours(1);  // same rule, subject and object
  /// Executables of the node itself that may read any pod's credentials. Never a container's.
  std::vector<std::string> credential_readers = {"/usr/bin/kubelet", "/usr/local/bin/kubelet",
                                                 "/usr/local/bin/k3s", "/usr/local/bin/k0s"};
  std::array<std::uint32_t, 2> own_tgids{};  // of the agent and its helper; 0: not known
};

enum class Severity : std::uint8_t { kInfo, kLow, kMedium, kHigh, kCritical };
enum class Confidence : std::uint8_t { kLow, kMedium, kHigh };
const char* severity_name(Severity severity);
const char* confidence_name(Confidence confidence);

/// What a detector says; everything else on a finding comes from the observation.
struct Raised {
  std::string_view rule;
  Severity severity = Severity::kMedium;
  Confidence confidence = Confidence::kMedium;
  std::string title;
  std::string why;               // one sentence without its full stop, made from the evidence
  bool against_baseline = true;  // the sentence goes on with what is normal
  std::vector<v1::Evidence> earlier{};  // events before this one that belong to the finding
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
  /// The context outlives this.
  Findings(const DetectorSettings& settings, const FindingContext& context);
  /// The observation has identity and subject.
  void raise(const Observation& seen, Raised raised);
  /// What has been raised since the last call.
  std::vector<v1::Finding> take();
  [[nodiscard]] bool empty() const;
  /// Findings that a cool-down kept back.
  [[nodiscard]] std::uint64_t repeats() const;

 private:
  bool is_repeat(std::uint64_t key, BootTime at);

  DetectorSettings settings_;
  const FindingContext* context_;
  std::vector<v1::Finding> raised_;
  // The cool-down's memory: bounded, the oldest goes first.
  std::unordered_map<std::uint64_t, BootTime> cooling_;
  std::deque<std::pair<BootTime, std::uint64_t>> cooling_order_;
  std::uint64_t repeats_ = 0;
};

/// The finding as its one JSON line: stable snake_case keys, every field present, no line feed,
/// invalid UTF-8 replaced. Byte for byte the same for the same finding.
std::string to_json_line(const v1::Finding& finding);

}  // namespace idtrail
