// SPDX-License-Identifier: Apache-2.0
#include "agent/known_behaviours.h"

#include <unordered_set>

#include "idtrail/events.h"

namespace idtrail {

template <typename Which>
void KnownBehaviours::forget(std::uint64_t now, Which which) {
  for (auto it = verdicts_.begin(); it != verdicts_.end();) {
    if (!which(it->second)) {
      ++it;
      continue;
    }
    feed(it->second, table_.erase(it->first, it->second.key), now);
    it = verdicts_.erase(it);
  }
}

void KnownBehaviours::apply(const CacheOrders& orders, std::uint64_t now) {
  if (orders.forget_all) forget(now, [](const Verdict&) { return true; });
  for (const std::uint64_t place : orders.forget_outward) {
    forget(now, [place](const Verdict& one) { return one.place == place && is_outward(one.kind); });
  }
  for (const KnownBehaviour& known : orders.known) add(known, now);
}

void KnownBehaviours::add(const KnownBehaviour& known, std::uint64_t now) {
  const std::uint64_t key = table_.key_of(known.key);
  const KnownTable::Inserted done = table_.insert(key);
  Verdict& verdict = verdicts_[done.place];
  if (done.evicted != 0) {
    ++evicted_;
    feed(verdict, done.of_evicted, now);
  }
  verdict = {.key = key,
             .identity_id = known.identity_id,
             .behaviour_id = known.behaviour_id,
             .place = known.place,
             .cgroup_id = known.key.cgroup_id,
             .kind = known.key.kind};
}

void KnownBehaviours::feed(const Verdict& verdict, const KnownTable::Counted& counted,
                           std::uint64_t now) {
  if (counted.hits == 0 && counted.bytes_sent == 0 && counted.bytes_received == 0) return;
  v1::Fact fact;
  auto& harvest = *fact.mutable_harvest();
  harvest.set_identity_id(verdict.identity_id);
  harvest.set_behaviour(verdict.behaviour_id);
  harvest.set_place(verdict.place);
  harvest.set_cgroup_id(verdict.cgroup_id);
  harvest.set_kind(verdict.kind);
  harvest.set_count(counted.hits);
  harvest.set_bytes_sent(counted.bytes_sent);
  harvest.set_bytes_received(counted.bytes_received);
  harvest.set_last_boot_ns(now);
  feed_(fact);
}

void KnownBehaviours::forget_cgroups(const std::vector<std::uint64_t>& gone, std::uint64_t now) {
  if (gone.empty()) return;
  const std::unordered_set<std::uint64_t> cgroups(gone.begin(), gone.end());
  forget(now, [&](const Verdict& one) { return cgroups.contains(one.cgroup_id); });
}

void KnownBehaviours::harvest(std::uint64_t now) {
  for (const auto& [place, verdict] : verdicts_) {
    feed(verdict, table_.harvest(place, verdict.key), now);
  }
}

}  // namespace idtrail
