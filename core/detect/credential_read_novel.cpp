// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "core/detect/credential_reader.h"
#include "core/detect/describe.h"
#include "core/detect/detector.h"

namespace idtrail {
namespace {

class CredentialReadNovel final : public Detector {
 public:
  explicit CredentialReadNovel(const DetectorSettings& settings) : settings_(settings) {}

  void inspect(const Observation& seen, Findings& findings) override {
    const ReadSuspicion suspicion = judge_read(seen, settings_);
    if (suspicion == ReadSuspicion::kNone) return;
    const bool always = suspicion == ReadSuspicion::kForeign || suspicion == ReadSuspicion::kDrift;
    findings.raise(
        seen,
        {.rule = "credential-read-novel",
         .severity = always ? Severity::kCritical : Severity::kHigh,
         .confidence = suspicion == ReadSuspicion::kNovel ? Confidence::kMedium : Confidence::kHigh,
         .title = fmt::format("Credential read {}: {} in {}", how(suspicion),
                              program_name(*seen.who.subject), display_name(*seen.who.identity)),
         .why = read_phrase(seen, suspicion)});
  }

 private:
  static const char* how(ReadSuspicion suspicion) {
    switch (suspicion) {
      case ReadSuspicion::kForeign:
        return "from outside its pod";
      case ReadSuspicion::kDrift:
        return "by a program not from the image";
      case ReadSuspicion::kSession:
        return "in an exec session";
      default:
        return "by a new subject";
    }
  }

  DetectorSettings settings_;
};

}  // namespace

std::unique_ptr<Detector> make_credential_read_novel(const DetectorSettings& settings) {
  return std::make_unique<CredentialReadNovel>(settings);
}

}  // namespace idtrail
