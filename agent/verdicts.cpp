// SPDX-License-Identifier: Apache-2.0
#include "agent/verdicts.h"

#include <optional>

#include "agent/decode/behaviour_of.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

/// Known; or of a class that takes no part in baselines, of which one tells as much as many.
bool may_stay_in_kernel(const Observation& seen) {
  if (seen.who.unresolved || seen.novelty.session) return false;
  if (seen.novelty.known) return true;
  const auto* flow = std::get_if<Flow>(&seen.event.body);
  const bool counted_only = std::holds_alternative<UnixConnect>(seen.event.body) ||
                            std::holds_alternative<Accept>(seen.event.body) ||
                            (flow != nullptr && (flow->flags & FLOW_OPEN) == 0);
  return counted_only && seen.who.subject->entry != Entry::kEntered;
}

}  // namespace

void Verdicts::judged(const Observation& seen, Place& place) {
  const bool known = may_stay_in_kernel(seen);
  if (seen.event.sampled && !known) counters_.add(Counter::sample_not_known);
  const bool is_read = std::holds_alternative<CredentialRead>(seen.event.body);
  const bool alerted = seen.event.at < place.alert_until;
  if (is_read && !known) {
    if (!alerted) forget_outward(place.serial);
    place.alert_until = seen.event.at + watch_window_;
  }
  if (known && (is_read || !alerted)) {
    add(seen.event, seen.who.identity_id, seen.novelty.behaviour, place);
  }
}

void Verdicts::forget_all() {
  orders_ = {};
  orders_.forget_all = true;
}

void Verdicts::add(const Event& event, std::uint64_t identity_id, std::uint64_t behaviour_id,
                   const Place& place) {
  if (orders_.known.size() == CacheOrders::kMax) return;
  const std::optional<behaviour> key = behaviour_of(event);
  if (!key) return;
  orders_.known.push_back({.key = *key,
                           .identity_id = identity_id,
                           .behaviour_id = behaviour_id,
                           .place = place.serial});
}

/// Those that stand, and those that were to be added. None is added while the alert lasts.
void Verdicts::forget_outward(std::uint64_t place) {
  std::erase_if(orders_.known, [place](const KnownBehaviour& one) {
    return one.place == place && is_outward(one.key.kind);
  });
  if (orders_.forget_outward.size() < CacheOrders::kMax) {
    orders_.forget_outward.push_back(place);
  } else {
    orders_.forget_all = true;
  }
}

}  // namespace idtrail
