// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>

#include "agent/cache_orders.h"
#include "agent/kernel/known_table.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Keeps the kernel's cache of verdicts as the pipeline orders it, and brings what the cache has
/// counted back as facts. Agent thread.
class KnownBehaviours {
 public:
  using Feed = std::function<void(const v1::Fact&)>;
  /// The table outlives it.
  KnownBehaviours(KnownTable& table, Feed feed) : table_(table), feed_(std::move(feed)) {}

  void apply(const CacheOrders& orders);
  /// Feeds what was counted since the last call, at most every ten seconds; `now` is
  /// CLOCK_BOOTTIME in nanoseconds.
  void look(std::uint64_t now);
  void harvest();
  [[nodiscard]] std::size_t size() const { return verdicts_.size(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Verdict {
    std::uint64_t key = 0;
    std::uint64_t identity_id = 0;
    std::uint64_t behaviour_id = 0;
    std::uint64_t place = 0;
    std::uint32_t kind = 0;
  };

  void add(const KnownBehaviour& known);
  template <typename Which>
  void forget(Which which);
  void feed(const Verdict& verdict, const KnownTable::Use& use);

  KnownTable& table_;
  Feed feed_;
  std::unordered_map<KnownTable::Place, Verdict> verdicts_;
  std::uint64_t last_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace idtrail
