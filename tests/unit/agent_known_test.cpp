// SPDX-License-Identifier: Apache-2.0
// The agent's side of the cache of verdicts, over memory as the kernel shares it.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/known_behaviours.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr std::size_t kBytes = KNOWN_BUCKETS * sizeof(known_bucket);
constexpr KnownTable::Secret kSecret{1, 2};

/// A table of which the test has the other half.
struct Cache {
  int fd = memfd_create("known", MFD_CLOEXEC);
  bool sized = ftruncate(fd, kBytes) == 0;
  Mapped kernel{fd, kBytes, true};
  KnownTable table{Mapped(fd, kBytes, true), kSecret};
  std::vector<v1::HarvestFact> fed;
  KnownBehaviours known{table, [this](const v1::Fact& fact) { fed.push_back(fact.harvest()); }};

  ~Cache() { close(fd); }

  static behaviour of(std::uint64_t cgroup, std::uint64_t lineage, __u8 kind) {
    behaviour one{};
    one.cgroup_id = cgroup;
    one.lineage = lineage;
    one.kind = kind;
    return one;
  }
  void learn(const behaviour& one, std::uint64_t place = 1) {
    CacheOrders orders;
    orders.known.push_back({.key = one, .identity_id = 5, .behaviour_id = 6, .place = place});
    known.apply(orders, 100);
  }
  /// As a program does. False where it has no verdict.
  bool hit(const behaviour& one, std::uint64_t sent = 0, std::uint64_t received = 0) {
    const std::uint64_t key = behaviour_key(&one, kSecret.data());
    known_bucket& bucket = kernel.as<known_bucket>()[(key >> 1U) % KNOWN_BUCKETS];
    for (std::size_t way = 0; way < KNOWN_WAYS; ++way) {
      if (bucket.keys[way] != key) continue;
      ++bucket.uses[way];
      bucket.bytes_sent[way] += sent;
      bucket.bytes_received[way] += received;
      return true;
    }
    return false;
  }
};

TEST(KnownBehaviours, HandsOverWhatWasCountedOnce) {
  Cache cache;
  ASSERT_TRUE(cache.sized && cache.kernel);
  const behaviour exec = Cache::of(11, 7, EVENT_exec);
  EXPECT_FALSE(cache.hit(exec));
  cache.learn(exec);
  EXPECT_TRUE(cache.hit(exec));
  EXPECT_TRUE(cache.hit(exec));
  EXPECT_FALSE(cache.hit(Cache::of(12, 7, EVENT_exec))) << "in another cgroup";
  EXPECT_FALSE(cache.hit(Cache::of(11, 7, EVENT_fork))) << "of another kind";
  cache.known.harvest(200);
  cache.known.harvest(300);
  ASSERT_EQ(cache.fed.size(), 1U);
  EXPECT_EQ(cache.fed[0].count(), 2U);
  EXPECT_EQ(cache.fed[0].cgroup_id(), 11U);
  EXPECT_EQ(cache.fed[0].behaviour(), 6U);
  EXPECT_EQ(cache.fed[0].last_boot_ns(), 200U);
}

TEST(KnownBehaviours, HandsOverTheBytesOfConnectionsOnce) {
  Cache cache;
  const behaviour flow = Cache::of(11, 7, EVENT_flow);
  cache.learn(flow);
  EXPECT_TRUE(cache.hit(flow, 100, 7));
  EXPECT_TRUE(cache.hit(flow, 200, 0));
  cache.known.harvest(200);
  cache.known.harvest(300);
  ASSERT_EQ(cache.fed.size(), 1U);
  EXPECT_EQ(cache.fed[0].count(), 2U);
  EXPECT_EQ(cache.fed[0].bytes_sent(), 300U);
  EXPECT_EQ(cache.fed[0].bytes_received(), 7U);
}

TEST(KnownBehaviours, OfACgroupThatIsGoneNothingStays) {
  Cache cache;
  const behaviour gone = Cache::of(11, 7, EVENT_exec);
  const behaviour stays = Cache::of(12, 7, EVENT_exec);
  cache.learn(gone);
  cache.learn(stays);
  cache.hit(gone);
  cache.known.forget_cgroups({11, 13}, 200);
  EXPECT_EQ(cache.known.size(), 1U);
  EXPECT_FALSE(cache.hit(gone));
  EXPECT_TRUE(cache.hit(stays));
  ASSERT_EQ(cache.fed.size(), 1U) << "not even what was counted last";
  EXPECT_EQ(cache.fed[0].cgroup_id(), 11U);
}

TEST(KnownBehaviours, AnAlertForgetsWhatLeavesItsPlaceAlone) {
  Cache cache;
  const behaviour flow = Cache::of(11, 7, EVENT_flow);
  cache.learn(flow, 1);
  const behaviour connect = Cache::of(11, 7, EVENT_connect);
  const behaviour read = Cache::of(11, 7, EVENT_credential);
  const behaviour elsewhere = Cache::of(12, 7, EVENT_connect);
  cache.learn(connect, 1);
  cache.learn(read, 1);
  cache.learn(elsewhere, 2);
  CacheOrders orders;
  orders.forget_outward.push_back(1);
  cache.known.apply(orders, 200);
  EXPECT_FALSE(cache.hit(connect));
  EXPECT_FALSE(cache.hit(flow));
  EXPECT_TRUE(cache.hit(read));
  EXPECT_TRUE(cache.hit(elsewhere));
  orders = {};
  orders.forget_all = true;
  cache.known.apply(orders, 300);
  EXPECT_EQ(cache.known.size(), 0U);
}

}  // namespace
}  // namespace idtrail
