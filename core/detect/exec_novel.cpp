// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "core/detect/describe.h"
#include "core/detect/detector.h"

namespace idtrail {
namespace {

/// The baseline is ready and does not hold this executable with this lineage. The container
/// runtime takes no part in a baseline, so its programs never come here.
class ExecNovel final : public Detector {
 public:
  void inspect(const Observation& seen, Findings& findings) override {
    const Novelty& novelty = seen.novelty;
    const bool novel =
        novelty.family == Family::kExec && !novelty.known && novelty.state == BaselineState::kReady;
    if (!novel || seen.who.identity == nullptr || seen.who.subject == nullptr) return;
    const bool session = in_session(seen);
    const char* how = session ? " in an exec session" : "";
    const Subject& subject = *seen.who.subject;
    findings.raise(seen,
                   {.rule = "exec-novel",
                    .severity = session ? Severity::kHigh : Severity::kMedium,
                    .confidence = session ? Confidence::kHigh : Confidence::kMedium,
                    .title = fmt::format("New program {}{}: {}", program_name(subject), how,
                                         display_name(*seen.who.identity)),
                    .why = fmt::format("{} was started{} in {}, which has never run it this way",
                                       display_name(subject), how, place_text(seen.who))});
  }
};

}  // namespace

std::unique_ptr<Detector> make_exec_novel(const DetectorSettings& /*settings*/) {
  return std::make_unique<ExecNovel>();
}

}  // namespace idtrail
