// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "core/detect/describe.h"
#include "core/detect/detector.h"

namespace idtrail {
namespace {

const char* drift_phrase(Origin origin) {
  switch (origin) {
    case Origin::kUpper:
      return "was written into the container after it was made";
    case Origin::kMemfd:
      return "lies in memory only, in no file system";
    case Origin::kTmpfs:
      return "lies on a file system in memory";
    case Origin::kDeleted:
      return "has been deleted";
    default:
      return "is not from the image";
  }
}

/// Needs no learning: what runs in a container comes from its image or its volumes. The runtime's
/// own copy of itself (a memfd too) is not the container's doing.
class ExecDrift final : public Detector {
 public:
  void inspect(const Observation& seen, Findings& findings) override {
    if (!std::holds_alternative<Exec>(seen.event.body)) return;
    if (seen.who.identity == nullptr || seen.who.subject == nullptr || seen.who.unresolved) return;
    const IdentityKind kind = seen.who.identity->kind;
    const bool container = kind == IdentityKind::kPod || kind == IdentityKind::kContainer;
    const Subject& subject = *seen.who.subject;
    if (!container || subject.entry == Entry::kRuntime || !is_drift(subject.origin)) return;

    const bool hidden = subject.origin == Origin::kMemfd || subject.origin == Origin::kDeleted;
    findings.raise(
        seen, {.rule = "exec-drift",
               .severity = hidden ? Severity::kCritical : Severity::kHigh,
               .confidence = Confidence::kHigh,
               .title = fmt::format("Program not from the image ({}): {} in {}",
                                    origin_name(subject.origin), program_name(subject),
                                    display_name(*seen.who.identity)),
               .why = fmt::format("{} was started{} in {}, but its file {}", display_name(subject),
                                  in_session(seen) ? " in an exec session" : "",
                                  place_text(seen.who), drift_phrase(subject.origin)),
               .against_baseline = false});
  }
};

}  // namespace

std::unique_ptr<Detector> make_exec_drift(const DetectorSettings& /*settings*/) {
  return std::make_unique<ExecDrift>();
}

}  // namespace idtrail
