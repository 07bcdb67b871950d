// SPDX-License-Identifier: Apache-2.0
// What the agent finds out about its own sight, through the pipeline: findings, coverage,
// baselines.
#include <gtest/gtest.h>

#include "agent/gaps.h"
#include "agent/pipeline.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::kCgroupA;
using testing::kSecond;

constexpr std::uint32_t kHelper = 78;

v1::SnapshotFact snapshot() {
  v1::SnapshotFact snapshot = testing::snapshot();
  snapshot.set_agent_tgid(77);
  snapshot.set_self_test_tgid(kHelper);
  return snapshot;
}

struct Watching {
  Pipeline pipeline{snapshot()};
  Act app{.at = 100 * kSecond, .cgroup = kCgroupA, .tgid = 200, .start = 100};

  Watching() {
    pipeline.on_fact(testing::cgroup_fact(1, 0, "/"));
    pipeline.on_fact(testing::cgroup_fact(testing::kPodCgroup, 1, testing::pod_path()));
    pipeline.on_fact(testing::cgroup_fact(kCgroupA, testing::kPodCgroup, testing::path_a()));
    pipeline.on_fact(testing::container_fact(testing::kIdA, testing::kPodUid));
    pipeline.on_record(testing::connect_record(app, testing::kNodeJs, testing::kApiServer, 443));
  }
  std::vector<v1::Finding> gap(const char* cause, std::uint64_t from = 90 * kSecond,
                               std::uint64_t until = 100 * kSecond) {
    v1::Fact fact;
    fact.mutable_gap()->set_cause(cause);
    fact.mutable_gap()->set_object("control");
    fact.mutable_gap()->set_text("as found");
    fact.mutable_gap()->set_from_boot_ns(from);
    fact.mutable_gap()->set_until_boot_ns(until);
    pipeline.on_fact(fact);
    return pipeline.take_findings();
  }
  std::vector<v1::Finding> lose(std::uint64_t cgroup, std::uint64_t limited,
                                std::uint64_t dropped) {
    v1::Fact fact;
    v1::LedgerFact& ledger = *fact.mutable_ledger();
    ledger.set_cgroup_id(cgroup);
    ledger.set_since_boot_ns(101 * kSecond);
    ledger.set_read_boot_ns(102 * kSecond);
    v1::LedgerCount& count = *ledger.add_counts();
    count.set_kind(EVENT_connect);
    count.set_delivered(1);
    count.set_limited(limited);
    count.set_dropped(dropped);
    pipeline.on_fact(fact);
    return pipeline.take_findings();
  }
  [[nodiscard]] bool complete() const { return pipeline.baseline("").baselines(0).complete(); }
};

TEST(Gaps, ASpentQuotaIsAFindingAboutItsOwner) {
  Watching one;
  const auto findings = one.lose(kCgroupA, 7, 0);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule(), "monitoring-gap");
  EXPECT_EQ(findings[0].identity().owner_name(), "web");
  EXPECT_EQ(findings[0].object().gap().cause(), "quota-spent");
  EXPECT_EQ(findings[0].object().gap().lost(), 7U);
  EXPECT_TRUE(one.lose(kCgroupA, 9, 0).empty()) << "said once within the cool-down";
  const v1::CoverageReply reply = one.pipeline.coverage();
  ASSERT_EQ(reply.gaps_size(), 1);
  EXPECT_EQ(reply.gaps(0).count(), 2U);
  EXPECT_EQ(reply.gaps(0).total_ms(), 1000U) << "the same second twice";
}

TEST(Gaps, AFullRingIsAFindingOfItsOwn) {
  Watching one;
  EXPECT_EQ(one.lose(kCgroupA, 3, 4).size(), 2U);
}

TEST(Gaps, WhatNobodyKnownLostIsTheNodes) {
  Watching one;
  const auto findings = one.lose(0, 0, 5);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].identity().kind(), "host");
}

TEST(Gaps, NoLossIsNoGap) {
  Watching one;
  EXPECT_TRUE(one.lose(kCgroupA, 0, 0).empty());
  EXPECT_EQ(one.pipeline.coverage().gaps_size(), 0);
}

TEST(Gaps, ABlindSensorLeavesAHoleInEveryBaseline) {
  for (const char* cause : {"probe-detached", "map-changed", "self-test-missing", "runs-missed"}) {
    Watching one;
    EXPECT_TRUE(one.complete());
    EXPECT_EQ(one.gap(cause).size(), 1U) << cause;
    EXPECT_FALSE(one.complete()) << cause;
  }
}

TEST(Gaps, AStoppedAgentHasLostNothingByThat) {
  for (const char* cause : {"agent-stopped", "agent-traced", "agent-delayed", "call-refused"}) {
    Watching one;
    EXPECT_EQ(one.gap(cause).size(), 1U) << cause;
    EXPECT_TRUE(one.complete()) << cause;
  }
}

TEST(Gaps, ACauseThatNobodyKnowsRaisesNothing) {
  Watching one;
  EXPECT_TRUE(one.gap("weather").empty());
}

TEST(Gaps, TheSelfTestIsOnTheBooksAndNobodysBehaviour) {
  Watching one;
  const auto top = one.pipeline.top().SerializeAsString();
  const auto baselines = one.pipeline.baseline("").SerializeAsString();
  Act helper = one.app;
  helper.tgid = kHelper;
  one.pipeline.on_record(testing::privilege_record(helper, EVENT_memfd, "idtrail-self-test"));
  one.pipeline.on_record(testing::connect_record(helper, testing::kNodeJs, 0x7F000001, 9));
  EXPECT_EQ(one.pipeline.top().SerializeAsString(), top);
  EXPECT_EQ(one.pipeline.baseline("").SerializeAsString(), baselines);
  EXPECT_EQ(one.pipeline.counters().received[EVENT_memfd], 1U);
  EXPECT_TRUE(one.pipeline.take_findings().empty());
}

TEST(Gaps, AreBounded) {
  Gaps gaps;
  for (std::size_t i = 0; i < Gaps::kRowsMax + 100; ++i) {
    gaps.add(Gap{}, std::to_string(i));
  }
  v1::CoverageReply reply;
  gaps.view({}, reply);
  EXPECT_LE(static_cast<std::size_t>(reply.gaps_size()), Gaps::kRowsMax + 1);
}

}  // namespace
}  // namespace idtrail
