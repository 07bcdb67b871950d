// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include "agent/cache_orders.h"
#include "agent/counters.h"
#include "agent/identity/place.h"
#include "core/model/observation.h"

namespace idtrail {

/// What the kernel's cache is told of what was seen: what it need not send again, and what it must.
/// Without effect on what is found. Pipeline thread only.
class Verdicts {
 public:
  Verdicts(BootClock::duration watch_window, Counters& counters)
      : watch_window_(watch_window), counters_(counters) {}

  /// The event has been judged. A read that is not known puts its place on the alert.
  void judged(const Observation& seen, Place& place);
  /// A fork or an end, of a lineage that is known: it tells nothing.
  void told_enough(const Event& event, const Place& place) {
    add(event, place.identity_id, 0, place);
  }
  void forget_all();
  CacheOrders take() { return std::exchange(orders_, {}); }

 private:
  void add(const Event& event, std::uint64_t identity_id, std::uint64_t behaviour_id,
           const Place& place);
  void forget_outward(std::uint64_t place);

  const BootClock::duration watch_window_;
  Counters& counters_;
  CacheOrders orders_;
};

}  // namespace idtrail
