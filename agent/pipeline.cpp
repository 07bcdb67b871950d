// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "agent/activity.h"
#include "agent/coverage.h"
#include "agent/decode/decoder.h"
#include "agent/gaps.h"
#include "agent/identity/resolver.h"
#include "agent/identity/waiting.h"
#include "agent/ledger.h"
#include "agent/outbox.h"
#include "agent/pipeline_settings.h"
#include "agent/verdicts.h"
#include "core/detect/detector.h"
#include "core/detect/finding.h"

namespace idtrail {
namespace {

constexpr std::chrono::milliseconds kReviewPause{50};

}  // namespace

/// The stages, and how an event goes through them.
class Pipeline::Stages {
 public:
  explicit Stages(const v1::SnapshotFact& snapshot)
      : snapshot_(snapshot),
        deadline_(node_settings(snapshot).identity_deadline),
        verdicts_(detector_settings(snapshot).watch_window, counters_),
        decoder_(counters_),
        resolver_(node_settings(snapshot),
                  {snapshot.credential_readers().begin(), snapshot.credential_readers().end()},
                  counters_),
        baselines_(baseline_settings(snapshot)),
        coverage_(snapshot_, counters_, baselines_),
        detectors_(make_detectors(detector_settings(snapshot))),
        findings_(detector_settings(snapshot), coverage_) {}

  void on_record(std::span<const std::byte> record) {
    std::optional<Event> event = decoder_.decode(record);  // failures are counted inside
    if (!event) return discard(record);
    if (!event->at_start) ledger_.received(event->cgroup, event->kind);
    pass(event->at);
    if (is_self_test(*event)) return;
    const std::optional<Actor> actor = resolver_.apply(*event, now_);
    if (resolver_.stirred()) review();
    if (const std::uint64_t turns = resolver_.processes().lineages_forgotten(); turns != turns_) {
      // Or a verdict would keep from us what we no longer know.
      turns_ = turns;
      verdicts_.forget_all();
    }
    if (!actor) return note_lineage(*event);
    if (actor->waits || actor->place->waiting != 0) {
      wait(record, *actor);
    } else {
      judge(*event, *actor);
    }
  }

  void on_fact(const v1::Fact& fact) {
    switch (fact.body_case()) {
      case v1::Fact::kBaseline:
        baselines_.restore(fact.baseline());
        break;
      case v1::Fact::kBehaviour:
        baselines_.restore(fact.behaviour());
        break;
      case v1::Fact::kLedger:
        keep_books(fact.ledger());
        break;
      case v1::Fact::kHarvest:
        take_harvest(fact.harvest());
        break;
      case v1::Fact::kLoss:
        count_loss(fact.loss());
        break;
      case v1::Fact::kGap:
        take_gap(fact.gap());
        break;
      case v1::Fact::kStack:
        outbox_.add_stack(fact.stack());
        break;
      case v1::Fact::kTick:
        pass(boot_time(fact.tick().boot_ns()));
        baselines_.advance(now_);
        break;
      default:
        if (apply(fact)) review();
    }
  }

  bool apply(const v1::Fact& fact) {
    const std::uint64_t changed = counters_[Counter::identity_changed];
    const bool stirs = resolver_.apply(fact);
    // A verdict is that of one identity's baseline.
    if (counters_[Counter::identity_changed] != changed) {
      verdicts_.forget_all();
    }
    return stirs;
  }

  void finish() {
    review();
    while (!waiting_.empty()) let_go(waiting_.take_oldest());
    outbox_.finish();
  }

  /// Event time goes on; what has waited too long goes out.
  void pass(BootTime at) {
    if (at <= now_) return;
    now_ = at;
    resolver_.forget_removed(now_);
    if (waiting_.empty()) return;
    while (!waiting_.empty() && waiting_.oldest().deadline <= now_) {
      let_go(waiting_.take_oldest());
    }
    if (now_ - reviewed_ >= kReviewPause) review();
  }

  void wait(std::span<const std::byte> record, const Actor& actor) {
    while (waiting_.full(record.size())) {
      counters_.add(Counter::park_overflow);
      let_go(waiting_.take_oldest());
    }
    counters_.add(Counter::parked);
    waiting_.push({.record = {record.begin(), record.end()},
                   .place = actor.place,
                   .subject = *actor.subject,
                   .tree = actor.tree,
                   .deadline = now_ + deadline_});
  }

  /// Lets go what need not wait any longer.
  void review() {
    reviewed_ = now_;
    if (!waiting_.empty()) {
      waiting_.sweep([this](Waiting& one) {
        Event event;
        if (decode_record(one.record, event) != Refusal::kNone) return true;
        Actor actor{.place = one.place, .subject = &one.subject, .tree = one.tree};
        const Resolver::Verdict verdict = resolver_.review(event, actor, now_);
        if (verdict == Resolver::Verdict::kGo) judge(event, actor);
        return verdict != Resolver::Verdict::kWait;
      });
    }
    resolver_.release_moved();
  }

  /// Its deadline has come, or its room is needed.
  void let_go(const Waiting& one) {
    Event event;
    if (decode_record(one.record, event) != Refusal::kNone) return;
    Actor actor{.place = one.place, .subject = &one.subject, .tree = one.tree};
    if (resolver_.settle(event, actor) == Resolver::Verdict::kGo) judge(event, actor);
  }

  void judge(const Event& event, const Actor& actor) {
    Observation seen;
    seen.event = event;
    seen.credential = actor.credential;
    seen.who = resolver_.who(seen.event, actor);  // who did it
    actor.place->seen_event = true;
    if (seen.who.unresolved) {
      ++counters_.unresolved[seen.event.kind];
    } else {
      seen.novelty = baselines_.observe(seen.who, seen.event, seen.credential);  // is it new
    }
    activity_.note(actor.place->serial, seen.who, seen.event.kind, seen.event.at);
    verdicts_.judged(seen, *actor.place);
    inspect(seen, actor.place->serial);
  }

  /// The kernel half sends one behind each read (include/idtrail/events.h).
  [[nodiscard]] bool may_have_stack(const Event& event) const {
    return snapshot_.stacks() && !event.at_start &&
           std::holds_alternative<CredentialRead>(event.body);
  }

  /// A fork or an end makes no observation.
  void note_lineage(const Event& event) {
    if (!std::holds_alternative<Fork>(event.body) && !std::holds_alternative<Exit>(event.body)) {
      return;
    }
    const Place* place = resolver_.place_of(event.cgroup);
    if (place != nullptr && resolver_.knows(event.lineage)) verdicts_.told_enough(event, *place);
  }

  void take_harvest(const v1::HarvestFact& harvest) {
    const BootTime last = boot_time(harvest.last_boot_ns());
    baselines_.count(harvest.identity_id(), harvest.behaviour(), harvest.count(), last);
    ledger_.known(CgroupId{harvest.cgroup_id()}, harvest.kind(), harvest.count());
    if (harvest.kind() == EVENT_fork || harvest.kind() == EVENT_exit) return;  // nobody's behaviour
    activity_.note(harvest.place(), static_cast<std::uint16_t>(harvest.kind()), harvest.count(),
                   last);
  }

  void count_loss(const v1::LossFact& loss) {
    const auto keep = [](const auto& from, KindCounts& to) {
      for (int kind = 0; kind < from.size() && kind < EVENT_KINDS; ++kind) {
        std::uint64_t& known = to[static_cast<std::size_t>(kind)];
        known = std::max<std::uint64_t>(known, from.Get(kind));
      }
    };
    keep(loss.dropped(), counters_.dropped);
    keep(loss.limited(), counters_.limited);
  }

  /// What the stages gave up because of their bounds.
  void add_bounds(google::protobuf::Map<std::string, std::uint64_t>& counters) const {
    std::uint64_t forgotten = 0;
    for (const auto& detector : detectors_) forgotten += detector->forgotten();
    counters["detector_state_forgotten"] = forgotten;
    counters["findings_repeated"] = findings_.repeats();
    counters["identities_without_baseline"] = baselines_.refused();
  }

  void discard(std::span<const std::byte> record) {
    const std::optional<Sender> sender = sender_of(record);
    if (sender) ledger_.discarded(sender->cgroup, sender->kind);
    note_hole(sender ? resolver_.place_of(sender->cgroup) : nullptr);
  }

  void keep_books(const v1::LedgerFact& fact) {
    const CgroupId cgroup{fact.cgroup_id()};
    const Place* place = resolver_.place_of(cgroup);
    const std::vector<Ledger::Loss> losses = ledger_.apply(fact);
    if (!losses.empty()) note_hole(place);
    for (const Gap& gap : gaps_of(fact, losses)) report(gap, place);
    if (fact.removed()) ledger_.close(cgroup, place);
  }

  /// The helper acts so that its records come back; they are nobody's behaviour.
  [[nodiscard]] bool is_self_test(const Event& event) const {
    return event.process.tgid != 0 && event.process.tgid == snapshot_.self_test_tgid() &&
           (event.kind == EVENT_memfd || event.kind == EVENT_connect);
  }

  void take_gap(const v1::GapFact& fact) {
    const Gap gap = gap_of(fact);
    if (is_hole(gap.cause)) note_hole(nullptr);
    report(gap, nullptr);
  }

  /// To the detectors and the coverage. `place` is whose events they were; null: the node's.
  void report(const Gap& gap, const Place* place) {
    const bool whose = place != nullptr && Containers::resolved(*place);
    const Place& where = whose ? *place : resolver_.host();
    Observation seen;
    seen.event.at = gap.until;
    seen.event.body = gap;
    seen.who = {.identity = where.identity.get(),
                .instance = &where.instance,
                .identity_id = where.identity_id,
                .subject = &nobody_,
                .process = {},
                .tree = {}};
    gaps_.add(gap, whose ? fmt::format("{} {}", gap.object, display_name(*where.identity))
                         : std::string(gap.object));
    inspect(seen, where.serial);
  }

  void inspect(const Observation& seen, std::uint64_t place) {
    for (auto& detector : detectors_) detector->inspect(seen, findings_);
    if (findings_.empty()) return;
    std::optional<StackKey> read;
    if (may_have_stack(seen.event)) {
      read = stack_key(seen.event.process.tgid, seen.event.tid, seen.event.at);
    }
    for (v1::Finding& finding : findings_.take()) {
      activity_.note(place, finding, seen.event.at);
      outbox_.put(std::move(finding), read);
      ++raised_;
    }
  }

  void note_hole(const Place* place) {
    if (place != nullptr && Containers::resolved(*place)) {
      baselines_.mark_incomplete(place->identity_id);
    } else {
      baselines_.mark_all_incomplete();  // whose events they were nobody can say
    }
  }

  const v1::SnapshotFact snapshot_;
  const BootClock::duration deadline_;
  Counters counters_;
  BootTime now_{};
  BootTime reviewed_{};
  Ledger ledger_;
  Gaps gaps_;
  const Subject nobody_;  // who acts in a gap
  Verdicts verdicts_;
  std::uint64_t turns_ = 0;  // of the lineages
  Decoder decoder_;
  Resolver resolver_;
  WaitingRoom waiting_;
  Baselines baselines_;
  Coverage coverage_;  // of what stands above it
  std::vector<std::unique_ptr<Detector>> detectors_;
  Findings findings_;
  std::uint64_t raised_ = 0;
  Activity activity_;
  Outbox outbox_;
};

Pipeline::Pipeline(const v1::SnapshotFact& snapshot)
    : stages_(std::make_unique<Stages>(snapshot)) {}
Pipeline::~Pipeline() = default;

void Pipeline::on_record(std::span<const std::byte> record) { stages_->on_record(record); }
void Pipeline::on_fact(const v1::Fact& fact) { stages_->on_fact(fact); }
void Pipeline::finish() { stages_->finish(); }

std::vector<LookUp> Pipeline::take_look_ups() { return stages_->resolver_.take_look_ups(); }
std::vector<v1::Finding> Pipeline::take_findings() { return stages_->outbox_.take(stages_->now_); }

std::uint64_t Pipeline::raised() const { return stages_->raised_; }

bool Pipeline::awaits_stack(std::uint32_t tgid, std::uint32_t tid, std::uint64_t boot_ns) const {
  return stages_->outbox_.awaits(stack_key(tgid, tid, boot_time(boot_ns)));
}
BaselineChanges Pipeline::take_changes() { return stages_->baselines_.take_changes(); }

CacheOrders Pipeline::take_cache_orders() { return stages_->verdicts_.take(); }

v1::TopReply Pipeline::top() const {
  v1::TopReply reply =
      stages_->activity_.view(stages_->baselines_, clock_of(stages_->snapshot_), stages_->now_);
  reply.set_node(stages_->snapshot_.node());
  return reply;
}

v1::BaselineReply Pipeline::baseline(std::string_view selector) const {
  v1::BaselineReply reply;
  for (v1::BaselineView& view : stages_->baselines_.views(selector)) {
    *reply.add_baselines() = std::move(view);
  }
  return reply;
}

v1::CoverageReply Pipeline::coverage() const {
  v1::CoverageReply reply = stages_->coverage_.reply();
  stages_->add_bounds(*reply.mutable_counters());
  const auto place_of = [this](CgroupId cgroup) { return stages_->resolver_.place_of(cgroup); };
  stages_->ledger_.view(place_of, reply);
  stages_->gaps_.view(clock_of(stages_->snapshot_), reply);
  return reply;
}
const Counters& Pipeline::counters() const { return stages_->counters_; }

}  // namespace idtrail
