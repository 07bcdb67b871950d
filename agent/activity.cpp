// SPDX-License-Identifier: Apache-2.0
#include "agent/activity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <vector>

#include "core/model/refs.h"

namespace idtrail {
namespace {

constexpr std::chrono::nanoseconds kRiskHalfLife = std::chrono::hours(6);

double decayed(double risk, BootClock::duration age) {
  const double half_lives =
      static_cast<double>(age.count()) / static_cast<double>(kRiskHalfLife.count());
  return risk * std::exp2(-std::max(half_lives, 0.0));
}

double weight_of(std::string_view severity) {
  if (severity == "critical") return 40;
  if (severity == "high") return 20;
  if (severity == "medium") return 8;
  return severity == "low" ? 2 : 0.5;
}

}  // namespace

void Activity::note(std::uint64_t place, const Who& who, std::uint16_t kind, BootTime at) {
  Row* row = rows_.find(place);
  if (row == nullptr) {
    if (rows_.size() >= kPlacesMax) make_room();
    row = &rows_[place];
  }
  if (!row->named || row->identity_id != who.identity_id) {
    row->identity = *who.identity;
    row->instance = *who.instance;
    row->identity_id = who.identity_id;
    row->named = true;
  }
  ++row->events[kind < EVENT_KINDS ? kind : 0];
  if (who.unresolved) ++row->unresolved;
  row->last_seen = std::max(row->last_seen, at);
}

void Activity::note(std::uint64_t place, std::uint16_t kind, std::uint64_t count, BootTime last) {
  Row* row = rows_.find(place);
  if (row == nullptr) return;
  row->events[kind < EVENT_KINDS ? kind : 0] += count;
  row->last_seen = std::max(row->last_seen, last);
}

void Activity::note(std::uint64_t place, const v1::Finding& finding, BootTime at) {
  Row* row = rows_.find(place);
  if (row == nullptr) return;
  ++row->findings[finding.rule()];
  row->risk = decayed(row->risk, at - row->risk_at) + weight_of(finding.severity());
  row->risk_at = at;
}

void Activity::make_room() {
  std::uint64_t victim = 0;
  BootTime silent_since = BootTime::max();
  rows_.for_each([&](std::uint64_t place, const Row& row) {
    if (row.last_seen > silent_since || (row.last_seen == silent_since && place > victim)) return;
    victim = place;
    silent_since = row.last_seen;
  });
  rows_.erase(victim);
}

v1::TopReply Activity::view(const Baselines& baselines, const ClockOffset& clock,
                            BootTime now) const {
  std::vector<v1::TopRow> made;
  rows_.for_each([&](std::uint64_t, const Row& row) {
    v1::TopRow& out = made.emplace_back();
    *out.mutable_identity() = to_ref(row.identity);
    *out.mutable_instance() = to_ref(row.instance);
    out.set_baseline_state(state_name(baselines.state(row.identity_id, now)));
    out.set_risk(decayed(row.risk, now - row.risk_at));
    for (const auto& [rule, count] : row.findings) (*out.mutable_findings())[rule] = count;
    for (std::size_t kind = 0; kind < EVENT_KINDS; ++kind) {
      if (row.events[kind] == 0) continue;
      (*out.mutable_events())[std::string(kind_name(kind))] = row.events[kind];
    }
    out.set_last_seen(rfc3339(clock.wall(row.last_seen)));
    out.set_unresolved(row.unresolved);
  });
  std::ranges::sort(made, [](const v1::TopRow& a, const v1::TopRow& b) {
    if (a.risk() != b.risk()) return a.risk() > b.risk();
    return std::tie(a.identity().id(), a.instance().container_id()) <
           std::tie(b.identity().id(), b.instance().container_id());
  });
  v1::TopReply reply;
  for (v1::TopRow& row : made) *reply.add_rows() = std::move(row);
  reply.set_time(rfc3339(clock.wall(now)));
  return reply;
}

}  // namespace idtrail
