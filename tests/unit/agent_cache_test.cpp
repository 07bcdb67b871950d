// SPDX-License-Identifier: Apache-2.0
// What the pipeline wants of the kernel's cache of verdicts.
#include <gtest/gtest.h>

#include "agent/pipeline.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::kCgroupA;
using testing::kSecond;

/// A pod whose application has read its token and connected once.
struct Learned {
  Pipeline pipeline{testing::snapshot()};
  CacheOrders exec;  // as its start gave them
  Act app{.at = 100 * kSecond, .cgroup = kCgroupA, .tgid = 200, .start = 100, .lineage = 7};

  Learned() {
    pipeline.on_fact(testing::cgroup_fact(1, 0, "/"));
    pipeline.on_fact(testing::cgroup_fact(testing::kPodCgroup, 1, testing::pod_path()));
    pipeline.on_fact(testing::cgroup_fact(kCgroupA, testing::kPodCgroup, testing::path_a()));
    pipeline.on_fact(testing::container_fact(testing::kIdA, testing::kPodUid));
    pipeline.on_fact(
        testing::token_volume_fact(testing::kTokenDevice, testing::kPodUid, testing::kTokenInode));
    pipeline.on_record(testing::exec_record(app, testing::kNodeJs));
    exec = pipeline.take_cache_orders();
  }
  void connect(const Act& act, std::uint64_t at, std::uint16_t flags = 0) {
    Act now = act;
    now.at = at;
    testing::Bytes record =
        testing::connect_record(now, testing::kNodeJs, testing::kApiServer, 443);
    reinterpret_cast<event_header*>(record.data())->flags = flags;
    pipeline.on_record(record);
  }
  void read(const Act& act, const testing::Program& program, std::uint64_t at) {
    Act now = act;
    now.at = at;
    pipeline.on_record(testing::credential_record(now, program, testing::kToken, "token"));
  }
  [[nodiscard]] std::uint64_t destinations() const {
    std::uint64_t count = 0;
    const v1::BaselineReply reply = pipeline.baseline("");
    for (const auto& view : reply.baselines()) {
      for (const auto& one : view.behaviours()) {
        if (one.family() == "destination") count += one.count();
      }
    }
    return count;
  }
};

TEST(CacheOrders, WhatIsKnownNeedNotBeSentAgain) {
  Learned pod;
  pod.connect(pod.app, 101 * kSecond);
  const CacheOrders orders = pod.pipeline.take_cache_orders();
  ASSERT_EQ(orders.known.size(), 1U);
  EXPECT_EQ(orders.known[0].key.lineage, pod.app.lineage);
  EXPECT_EQ(orders.known[0].key.kind, EVENT_connect);
  EXPECT_NE(orders.known[0].behaviour_id, 0U);
  EXPECT_FALSE(orders.forget_all);
  EXPECT_TRUE(pod.pipeline.take_cache_orders().known.empty());
}

TEST(CacheOrders, AKnownExecNeedNotBeSentAgain) {
  const Learned pod;
  ASSERT_EQ(pod.exec.known.size(), 1U);
  EXPECT_EQ(pod.exec.known[0].key.kind, EVENT_exec);
  EXPECT_EQ(pod.exec.known[0].key.lineage, pod.app.lineage);
  EXPECT_NE(pod.exec.known[0].behaviour_id, 0U);
}

TEST(CacheOrders, WhatOnlyIsCountedNeedNotBeSentAgainButForASession) {
  Learned pod;
  const testing::Program node = testing::kNodeJs;
  pod.pipeline.on_record(testing::unix_record(pod.app, node, "/run/nscd/socket", ""));
  pod.pipeline.on_record(testing::accept_record(pod.app, node, 8080));
  pod.pipeline.on_record(testing::flow_record(pod.app, node, 100, 100));
  const CacheOrders orders = pod.pipeline.take_cache_orders();
  ASSERT_EQ(orders.known.size(), 3U);
  EXPECT_EQ(orders.known[0].key.kind, EVENT_unix);
  EXPECT_EQ(orders.known[1].key.kind, EVENT_accept);
  EXPECT_EQ(orders.known[2].key.kind, EVENT_flow);
  testing::Bytes open = testing::flow_record(pod.app, node, 200'000, 100);
  reinterpret_cast<flow_payload*>(open.data() + sizeof(event_header))->flags = FLOW_OPEN;
  pod.pipeline.on_record(open);
  EXPECT_TRUE(pod.pipeline.take_cache_orders().known.empty()) << "it goes on";

  // A person enters: moved in from the runtime's cgroup, known by its own record.
  pod.pipeline.on_fact(testing::cgroup_fact(testing::kRuntimeCgroup, 1, "/system.slice/c.service"));
  pod.pipeline.on_fact(testing::process_fact({.tgid = 50,
                                              .start = 5,
                                              .parent = 1,
                                              .cgroup = testing::kRuntimeCgroup,
                                              .executable = "/usr/bin/containerd",
                                              .host_mntns = true}));
  const Act outside{
      .at = 110 * kSecond, .cgroup = testing::kRuntimeCgroup, .tgid = 400, .start = 9};
  Act session = outside;
  session.cgroup = kCgroupA;
  session.lineage = 9;
  pod.pipeline.on_record(testing::fork_record(
      {.at = 110 * kSecond, .cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5}, outside));
  pod.pipeline.on_record(testing::exec_record(session, testing::kShellImage));
  pod.pipeline.on_record(testing::unix_record(session, testing::kShellImage, "/run/a", ""));
  EXPECT_TRUE(pod.pipeline.take_cache_orders().known.empty());
}

TEST(CacheOrders, ForksAndEndsOfAKnownLineageTellNothing) {
  Learned pod;
  Act child = pod.app;
  child.tgid = 201;
  pod.pipeline.on_record(testing::fork_record(pod.app, child));
  pod.pipeline.on_record(testing::exit_record(child));
  Act stranger = child;
  stranger.lineage = 8;
  pod.pipeline.on_record(testing::exit_record(stranger));
  const CacheOrders orders = pod.pipeline.take_cache_orders();
  ASSERT_EQ(orders.known.size(), 2U) << "of a lineage that nobody knows every end is sent";
  EXPECT_EQ(orders.known[0].key.kind, EVENT_fork);
  EXPECT_EQ(orders.known[1].key.kind, EVENT_exit);

  v1::Fact fact;
  fact.mutable_harvest()->set_identity_id(orders.known[0].identity_id);
  fact.mutable_harvest()->set_place(orders.known[0].place);
  fact.mutable_harvest()->set_kind(EVENT_fork);
  fact.mutable_harvest()->set_count(41);
  pod.pipeline.on_fact(fact);
  EXPECT_FALSE(pod.pipeline.top().rows(0).events().contains("fork")) << "it is no behaviour";
}

TEST(CacheOrders, AHarvestCountsAsIfItHadBeenSent) {
  Learned pod;
  pod.connect(pod.app, 101 * kSecond);
  const CacheOrders orders = pod.pipeline.take_cache_orders();
  ASSERT_EQ(orders.known.size(), 1U);
  v1::Fact fact;
  fact.mutable_harvest()->set_identity_id(orders.known[0].identity_id);
  fact.mutable_harvest()->set_behaviour(orders.known[0].behaviour_id);
  fact.mutable_harvest()->set_place(orders.known[0].place);
  fact.mutable_harvest()->set_kind(EVENT_connect);
  fact.mutable_harvest()->set_count(41);
  fact.mutable_harvest()->set_last_boot_ns(150 * kSecond);
  pod.pipeline.on_fact(fact);
  EXPECT_EQ(pod.destinations(), 42U);
  const v1::TopReply top = pod.pipeline.top();
  ASSERT_EQ(top.rows_size(), 1);
  EXPECT_EQ(top.rows(0).events().at("connect"), 42U);
}

TEST(CacheOrders, AHarvestOfNobodyChangesNothing) {
  Learned pod;
  v1::Fact fact;
  fact.mutable_harvest()->set_identity_id(1);
  fact.mutable_harvest()->set_kind(99);
  fact.mutable_harvest()->set_count(41);
  pod.pipeline.on_fact(fact);
  EXPECT_EQ(pod.destinations(), 0U);
}

TEST(CacheOrders, AfterANovelReadEveryConnectOfThePlaceIsLookedAt) {
  Learned pod;
  pod.connect(pod.app, 101 * kSecond);
  pod.read(pod.app, testing::kNodeJs, 101 * kSecond);
  pod.connect(pod.app, 102 * kSecond);
  EXPECT_EQ(pod.pipeline.take_cache_orders().known.size(), 3U);
  // The learning window of this node is over by then.
  const Act thief{.at = 0, .cgroup = kCgroupA, .tgid = 300, .start = 4000 * kSecond};
  pod.read(thief, testing::kCurlImage, 4000 * kSecond);
  pod.connect(pod.app, 4001 * kSecond);
  const CacheOrders alert = pod.pipeline.take_cache_orders();
  EXPECT_EQ(alert.forget_outward.size(), 1U);
  EXPECT_TRUE(alert.known.empty());
  pod.connect(pod.app, 6000 * kSecond);
  EXPECT_EQ(pod.pipeline.take_cache_orders().known.size(), 1U) << "the watch window is over";
}

TEST(CacheOrders, ANovelReadWithdrawsTheConnectsThatAreStillToBeOrdered) {
  Learned pod;
  pod.connect(pod.app, 101 * kSecond);
  (void)pod.pipeline.take_cache_orders();
  pod.connect(pod.app, 4000 * kSecond);
  const Act thief{.at = 0, .cgroup = kCgroupA, .tgid = 300, .start = 4000 * kSecond};
  pod.read(thief, testing::kCurlImage, 4000 * kSecond);
  pod.read(thief, testing::kCurlImage, 4001 * kSecond);
  const CacheOrders orders = pod.pipeline.take_cache_orders();
  EXPECT_TRUE(orders.known.empty()) << "or the verdict would outlive the alert's beginning";
  EXPECT_EQ(orders.forget_outward.size(), 1U) << "once while the alert lasts";
}

TEST(CacheOrders, ASampleThatIsNotKnownIsCounted) {
  Learned pod;
  pod.connect(pod.app, 101 * kSecond, EVENT_SAMPLED);
  EXPECT_EQ(pod.pipeline.counters()[Counter::sample_not_known], 0U);
  const Act other{.at = 0, .cgroup = 999, .tgid = 300, .start = 200};
  pod.connect(other, 102 * kSecond, EVENT_SAMPLED);
  pod.pipeline.finish();
  EXPECT_EQ(pod.pipeline.counters()[Counter::sample_not_known], 1U);
}

TEST(CacheOrders, AnotherIdentityEndsEveryVerdict) {
  Learned pod;
  pod.connect(pod.app, 101 * kSecond);
  (void)pod.pipeline.take_cache_orders();
  pod.pipeline.on_fact(testing::token_volume_fact(testing::kTokenDevice, testing::kPodUid,
                                                  testing::kTokenInode, 2, "another-sa"));
  const CacheOrders orders = pod.pipeline.take_cache_orders();
  EXPECT_TRUE(orders.forget_all);
}

}  // namespace
}  // namespace idtrail
