// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/common/text.h"
#include "core/detect/describe.h"
#include "core/detect/detector.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

struct Meaning {
  GapCause cause;
  Severity severity;
  Confidence confidence;
  const char* title;
};

// A flood hides what is done behind it; who touches the sensor hides what comes next.
constexpr Meaning kMeanings[] = {
    {GapCause::kRingFull, Severity::kHigh, Confidence::kHigh, "Events were lost"},
    {GapCause::kQuotaSpent, Severity::kMedium, Confidence::kHigh, "Events beyond the quota"},
    {GapCause::kProbeDetached, Severity::kCritical, Confidence::kHigh, "A probe was taken off"},
    {GapCause::kMapChanged, Severity::kCritical, Confidence::kHigh,
     "The sensor's settings were changed"},
    {GapCause::kAgentStopped, Severity::kHigh, Confidence::kHigh, "The agent was stopped"},
    {GapCause::kAgentDelayed, Severity::kLow, Confidence::kMedium, "The agent did not run"},
    {GapCause::kAgentTraced, Severity::kCritical, Confidence::kHigh, "The agent is traced"},
    {GapCause::kSelfTestMissing, Severity::kHigh, Confidence::kHigh,
     "The sensor does not see what it should"},
    {GapCause::kCallRefused, Severity::kCritical, Confidence::kMedium,
     "The agent did what it never does"},
    {GapCause::kAgentAbsent, Severity::kMedium, Confidence::kHigh, "No agent ran"},
    {GapCause::kRunsMissed, Severity::kMedium, Confidence::kHigh, "A probe was not run each time"},
};

double seconds_of(const Gap& gap) {
  return std::chrono::duration<double>(std::max(gap.until - gap.from, BootClock::duration(0)))
      .count();
}

std::string what_was_lost(const Gap& gap) {
  const char* why = gap.cause == GapCause::kRingFull ? "the ring was full" : "its quota was spent";
  return fmt::format("{} {} events were not sent because {}", gap.lost, printable(gap.object), why);
}

/// The sensor's own honesty: where it may not have seen everything, a person hears of it. Never
/// learned, and raised for the node as well as for pods.
class MonitoringGap final : public Detector {
 public:
  explicit MonitoringGap(const DetectorSettings& settings) : own_tgids_(settings.own_tgids) {}

  void inspect(const Observation& seen, Findings& findings) override {
    if (seen.who.identity == nullptr || seen.who.subject == nullptr) return;
    if (const auto* gap = std::get_if<Gap>(&seen.event.body)) return tell(seen, *gap, findings);
    if (seen.event.kind == EVENT_ptrace) look_at_tracer(seen, findings);
  }

 private:
  static void tell(const Observation& seen, const Gap& gap, Findings& findings) {
    const auto* meaning = std::ranges::find(kMeanings, gap.cause, &Meaning::cause);
    if (meaning == std::end(kMeanings)) return;
    const std::string what = gap.lost != 0 ? what_was_lost(gap) : printable(gap.text);
    findings.raise(seen, {.rule = "monitoring-gap",
                          .severity = meaning->severity,
                          .confidence = meaning->confidence,
                          .title = fmt::format("{} ({}): {}", meaning->title, cause_name(gap.cause),
                                               display_name(*seen.who.identity)),
                          .why = fmt::format("In {}, within {:.1f} s: {}", place_text(seen.who),
                                             seconds_of(gap), what),
                          .against_baseline = false});
  }

  /// Before it can do anything, and with the name of who does it.
  void look_at_tracer(const Observation& seen, Findings& findings) const {
    const auto* use = std::get_if<PrivilegeUse>(&seen.event.body);
    if (use == nullptr || use->target_tgid == 0 || use->op != PTRACE_ACCESS) return;
    if (std::ranges::find(own_tgids_, use->target_tgid) == own_tgids_.end()) return;
    const bool allowed = use->result == 0;
    findings.raise(seen, {.rule = "monitoring-gap",
                          .severity = allowed ? Severity::kCritical : Severity::kHigh,
                          .confidence = Confidence::kHigh,
                          .title = fmt::format("A process {} into the agent: {}",
                                               allowed ? "reaches" : "tried to reach",
                                               display_name(*seen.who.identity)),
                          .why = fmt::format(
                              "{} in {} {} read and write the agent's memory as a debugger does",
                              display_name(*seen.who.subject), place_text(seen.who),
                              allowed ? "may" : "was refused to"),
                          .against_baseline = false});
  }

  std::array<std::uint32_t, 2> own_tgids_;
};

}  // namespace

std::unique_ptr<Detector> make_monitoring_gap(const DetectorSettings& settings) {
  return std::make_unique<MonitoringGap>(settings);
}

}  // namespace idtrail
