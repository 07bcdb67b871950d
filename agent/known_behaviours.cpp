// SPDX-License-Identifier: Apache-2.0
#include "agent/known_behaviours.h"

#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr std::uint64_t kPauseNs = 10'000'000'000;

}  // namespace

template <typename Which>
void KnownBehaviours::forget(Which which) {
  for (auto it = verdicts_.begin(); it != verdicts_.end();) {
    if (!which(it->second)) {
      ++it;
      continue;
    }
    feed(it->second, table_.erase(it->first, it->second.key));
    it = verdicts_.erase(it);
  }
}

void KnownBehaviours::apply(const CacheOrders& orders) {
  if (orders.forget_all) forget([](const Verdict&) { return true; });
  for (const std::uint64_t place : orders.forget_connects) {
    forget([place](const Verdict& one) { return one.place == place && one.kind == EVENT_connect; });
  }
  for (const KnownBehaviour& known : orders.known) add(known);
}

void KnownBehaviours::add(const KnownBehaviour& known) {
  const std::uint64_t key = table_.key_of(known.key);
  const KnownTable::Inserted done = table_.insert(key);
  Verdict& verdict = verdicts_[done.place];
  if (done.evicted != 0) {
    ++evicted_;
    feed(verdict, done.evicted_use);
  }
  verdict = {.key = key,
             .identity_id = known.identity_id,
             .behaviour_id = known.behaviour_id,
             .place = known.place,
             .kind = known.key.kind};
}

void KnownBehaviours::feed(const Verdict& verdict, const KnownTable::Use& use) {
  if (use.count == 0) return;
  v1::Fact fact;
  auto& harvest = *fact.mutable_harvest();
  harvest.set_identity_id(verdict.identity_id);
  harvest.set_behaviour(verdict.behaviour_id);
  harvest.set_place(verdict.place);
  harvest.set_kind(verdict.kind);
  harvest.set_count(use.count);
  harvest.set_last_boot_ns(use.last_boot_ns);
  feed_(fact);
}

void KnownBehaviours::look(std::uint64_t now) {
  if (now - last_ < kPauseNs) return;
  last_ = now;
  harvest();
}

void KnownBehaviours::harvest() {
  for (const auto& [place, verdict] : verdicts_) feed(verdict, table_.harvest(place, verdict.key));
}

}  // namespace idtrail
