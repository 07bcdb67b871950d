// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

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

  void apply(const CacheOrders& orders, std::uint64_t now);
  /// Feeds what was counted since the last call; `now` is CLOCK_BOOTTIME in nanoseconds. Belongs
  /// before each reading of the books, which close when a cgroup goes.
  void harvest(std::uint64_t now);
  /// Cgroups that are gone: no process can hit what was known of them.
  void forget_cgroups(const std::vector<std::uint64_t>& gone, std::uint64_t now);
  [[nodiscard]] std::size_t size() const { return verdicts_.size(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Verdict {
    std::uint64_t key = 0;
    std::uint64_t identity_id = 0;
    std::uint64_t behaviour_id = 0;
    std::uint64_t place = 0;
    std::uint64_t cgroup_id = 0;
    std::uint32_t kind = 0;
  };

  void add(const KnownBehaviour& known, std::uint64_t now);
  template <typename Which>
  void forget(std::uint64_t now, Which which);
  void feed(const Verdict& verdict, const KnownTable::Counted& counted, std::uint64_t now);

  KnownTable& table_;
  Feed feed_;
  std::unordered_map<KnownTable::Place, Verdict> verdicts_;
  std::uint64_t evicted_ = 0;
};

}  // namespace idtrail
