// SPDX-License-Identifier: Apache-2.0
#include "core/detect/finding.h"

#include <cassert>

#include <fmt/format.h>

#include "core/common/hash.h"
#include "core/common/text.h"
#include "core/detect/describe.h"
#include "core/detect/mapping.h"
#include "core/detect/respond.h"
#include "core/model/refs.h"

namespace idtrail {
namespace {

constexpr std::size_t kCoolingMax = 65536;
constexpr int kNormalInSentence = 2;

/// What was acted on, without what differs from one act to the next.
std::string object_key(const v1::Object& object) {
  return fmt::format("{}\n{}\n{}\n{}", object.kind(), object.name(), object.executable().script(),
                     object.credential().owner_pod_uid());
}

std::string sentence(const Raised& raised, const v1::BaselineDiff& diff) {
  std::string why = raised.why;
  if (raised.against_baseline && diff.normal_size() > 0) {
    why += "; normal here: ";
    for (int at = 0; at < std::min(diff.normal_size(), kNormalInSentence); ++at) {
      if (at > 0) why += ", ";
      why += diff.normal(at);
    }
    if (diff.normal_size() > kNormalInSentence) why += ", …";
  }
  return why + ".";
}

void set_who(const Observation& seen, v1::Finding& finding) {
  const Who& who = seen.who;
  *finding.mutable_identity() = to_ref(*who.identity);
  *finding.mutable_instance() = who.instance != nullptr ? to_ref(*who.instance) : v1::InstanceRef();
  *finding.mutable_subject() = to_ref(*who.subject);
  finding.mutable_subject()->set_session(seen.novelty.session);
  finding.mutable_subject()->set_pid(who.process.tgid);
}

/// Of a gap, which an object alone cannot tell: it knows no clock.
void set_times(const Observation& seen, const ClockOffset& clock, v1::Finding& finding) {
  const auto* gap = std::get_if<Gap>(&seen.event.body);
  if (gap == nullptr) return;
  v1::GapRef& ref = *finding.mutable_object()->mutable_gap();
  ref.set_from(rfc3339(clock.wall(gap->from)));
  ref.set_until(rfc3339(clock.wall(gap->until)));
}

}  // namespace

const char* severity_name(Severity severity) {
  constexpr const char* kNames[] = {"info", "low", "medium", "high", "critical"};
  return kNames[static_cast<std::size_t>(severity)];
}

const char* confidence_name(Confidence confidence) {
  constexpr const char* kNames[] = {"low", "medium", "high"};
  return kNames[static_cast<std::size_t>(confidence)];
}

Findings::Findings(const DetectorSettings& settings, const FindingContext& context)
    : settings_(settings), context_(&context) {}

void Findings::raise(const Observation& seen, Raised raised) {
  assert(seen.who.identity != nullptr && seen.who.subject != nullptr);
  const v1::Object object = object_of(seen);
  const std::string_view pod_uid =
      seen.who.instance != nullptr ? std::string_view(seen.who.instance->pod_uid) : "";
  const std::string identity = hex64(seen.who.identity_id);
  const std::string subject = hex64(seen.who.subject->hash);
  const std::uint64_t key =
      hash_fields({raised.rule, identity, pod_uid, subject, object_key(object)});
  if (is_repeat(key, seen.event.at)) {
    ++repeats_;
    return;
  }

  v1::Finding finding;
  finding.set_rule(std::string(raised.rule));
  finding.set_title(valid_utf8(raised.title));
  finding.set_severity(severity_name(raised.severity));
  finding.set_confidence(confidence_name(raised.confidence));
  finding.set_time(rfc3339(settings_.clock.wall(seen.event.at)));
  finding.set_id(hex64(hash_fields({hex64(key), finding.time()})));
  set_who(seen, finding);
  *finding.mutable_object() = object;
  set_times(seen, settings_.clock, finding);
  for (v1::Evidence& earlier : raised.earlier) *finding.add_evidence() = std::move(earlier);
  *finding.add_evidence() = evidence_of(seen, settings_.clock);
  *finding.mutable_baseline_diff() = context_->baseline_diff(seen);
  finding.set_why(valid_utf8(sentence(raised, finding.baseline_diff())));
  // Nothing here knows RBAC or declared policy: the console fills these in.
  finding.mutable_verdict()->set_rbac(kUnknown);
  finding.mutable_verdict()->set_policy(kUnknown);
  *finding.mutable_coverage() = context_->coverage(seen);
  *finding.mutable_mapping() = mapping_of(raised.rule);
  for (std::string& command : commands_for(finding)) finding.add_respond(std::move(command));
  raised_.push_back(std::move(finding));
}

bool Findings::is_repeat(std::uint64_t key, BootTime at) {
  while (!cooling_order_.empty() && (cooling_order_.size() >= kCoolingMax ||
                                     at - cooling_order_.front().first >= settings_.cool_down)) {
    cooling_.erase(cooling_order_.front().second);
    cooling_order_.pop_front();
  }
  if (!cooling_.emplace(key, at).second) return true;
  cooling_order_.emplace_back(at, key);
  return false;
}

std::vector<v1::Finding> Findings::take() { return std::exchange(raised_, {}); }
bool Findings::empty() const { return raised_.empty(); }
std::uint64_t Findings::repeats() const { return repeats_; }

}  // namespace idtrail
