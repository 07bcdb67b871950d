// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/ledger.h"
#include "agent/pipeline.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::kCgroupA;
using testing::kSecond;

struct Counts {
  std::uint64_t delivered = 0;
  std::uint64_t limited = 0;
  std::uint64_t dropped = 0;
};

v1::Fact ledger_fact(std::uint64_t cgroup, std::uint32_t kind, Counts counts,
                     bool removed = false) {
  v1::Fact fact;
  fact.mutable_ledger()->set_cgroup_id(cgroup);
  fact.mutable_ledger()->set_removed(removed);
  v1::LedgerCount& one = *fact.mutable_ledger()->add_counts();
  one.set_kind(kind);
  one.set_delivered(counts.delivered);
  one.set_limited(counts.limited);
  one.set_dropped(counts.dropped);
  return fact;
}

v1::Fact harvest_fact(std::uint64_t cgroup, std::uint32_t kind, std::uint64_t count) {
  v1::Fact fact;
  fact.mutable_harvest()->set_cgroup_id(cgroup);
  fact.mutable_harvest()->set_kind(kind);
  fact.mutable_harvest()->set_count(count);
  return fact;
}

/// A pod that connects, and a neighbour that has a baseline too.
struct Pods {
  Pipeline pipeline{testing::snapshot()};
  Act app{.at = 100 * kSecond, .cgroup = kCgroupA, .tgid = 200, .start = 100};
  Act other{.at = 100 * kSecond, .cgroup = kOther, .tgid = 300, .start = 100};

  Pods() {
    pipeline.on_fact(testing::cgroup_fact(1, 0, "/"));
    pipeline.on_fact(testing::cgroup_fact(testing::kPodCgroup, 1, testing::pod_path()));
    pipeline.on_fact(testing::cgroup_fact(kCgroupA, testing::kPodCgroup, testing::path_a()));
    pipeline.on_fact(testing::cgroup_fact(kOther, 1, "/system.slice/cron.service"));
    pipeline.on_fact(testing::container_fact(testing::kIdA, testing::kPodUid));
    connect(app);
    connect(other);
  }
  void connect(const Act& act) {
    pipeline.on_record(testing::connect_record(act, testing::kNodeJs, testing::kApiServer, 443));
  }
  [[nodiscard]] bool complete(const std::string& owner) const {
    const v1::BaselineReply reply = pipeline.baseline("");
    for (const auto& view : reply.baselines()) {
      if (view.identity().owner_name() == owner) return view.complete();
    }
    ADD_FAILURE() << "no baseline of " << owner;
    return false;
  }
  [[nodiscard]] v1::LedgerView book(const std::string& owner, bool gone = false) const {
    const v1::CoverageReply reply = pipeline.coverage();
    for (const auto& view : reply.ledger()) {
      const bool instance = !view.instance().container_id().empty();
      if (view.identity().owner_name() == owner && instance != gone) return view;
    }
    return {};
  }
  static constexpr std::uint64_t kOther = 40;
};

TEST(Ledger, ALossIsAHoleInTheBaselineOfItsOwnerOnly) {
  Pods pods;
  pods.pipeline.on_fact(ledger_fact(kCgroupA, EVENT_connect, {.delivered = 1, .dropped = 2}));
  EXPECT_FALSE(pods.complete("web"));
  EXPECT_TRUE(pods.complete("cron.service"));
}

TEST(Ledger, ASpentQuotaIsALossToo) {
  Pods pods;
  pods.pipeline.on_fact(ledger_fact(kCgroupA, EVENT_connect, {.delivered = 1, .limited = 1}));
  EXPECT_FALSE(pods.complete("web"));
}

TEST(Ledger, WhatIsOnlyDeliveredIsNoHole) {
  Pods pods;
  pods.pipeline.on_fact(ledger_fact(kCgroupA, EVENT_connect, {.delivered = 1}));
  EXPECT_TRUE(pods.complete("web"));
}

TEST(Ledger, ALossOfNobodyKnownIsAHoleEverywhere) {
  Pods pods;
  pods.pipeline.on_fact(ledger_fact(0, EVENT_fork, {.dropped = 1}));
  EXPECT_FALSE(pods.complete("web"));
  EXPECT_FALSE(pods.complete("cron.service"));
}

TEST(Ledger, ARefusedRecordIsOnTheBooksOfItsSender) {
  Pods pods;
  testing::Bytes broken =
      testing::connect_record(pods.app, testing::kNodeJs, testing::kApiServer, 443);
  broken.pop_back();
  pods.pipeline.on_record(broken);
  pods.pipeline.on_fact(ledger_fact(kCgroupA, EVENT_connect, {.delivered = 2}));
  EXPECT_FALSE(pods.complete("web"));
  EXPECT_TRUE(pods.complete("cron.service"));
  const v1::LedgerView book = pods.book("web");
  ASSERT_EQ(book.classes_size(), 1);
  EXPECT_EQ(book.classes(0).event_class(), "connect");
  EXPECT_EQ(book.classes(0).delivered(), 2U);
  EXPECT_EQ(book.classes(0).received(), 1U);
  EXPECT_EQ(book.classes(0).discarded(), 1U);
}

TEST(Ledger, KeepsTheBooksOfAContainerThatIsGone) {
  Pods pods;
  pods.pipeline.on_fact(ledger_fact(kCgroupA, EVENT_connect, {.delivered = 1, .limited = 5}, true));
  EXPECT_EQ(pods.book("web").classes_size(), 0);
  const v1::LedgerView book = pods.book("web", true);
  ASSERT_EQ(book.classes_size(), 1);
  EXPECT_EQ(book.classes(0).received(), 1U);
  EXPECT_EQ(book.classes(0).limited(), 5U);
}

TEST(Ledger, WhatIsKnownIsOnTheBooksOfItsCgroup) {
  Pods pods;
  pods.pipeline.on_fact(harvest_fact(kCgroupA, EVENT_connect, 40));
  pods.pipeline.on_fact(harvest_fact(kCgroupA, EVENT_connect, 2));
  pods.pipeline.on_fact(ledger_fact(kCgroupA, EVENT_connect, {.delivered = 1}, true));
  const v1::LedgerView book = pods.book("web", true);
  ASSERT_EQ(book.classes_size(), 1);
  EXPECT_EQ(book.classes(0).known(), 42U);
  EXPECT_EQ(book.classes(0).delivered(), 1U);
  EXPECT_TRUE(pods.complete("web"));
}

TEST(Ledger, AKindThatNobodyKnowsIsLeftAlone) {
  Pods pods;
  pods.pipeline.on_fact(harvest_fact(kCgroupA, EVENT_KINDS, 1));
  pods.pipeline.on_fact(ledger_fact(kCgroupA, EVENT_KINDS, {.dropped = 1}));
  EXPECT_TRUE(pods.complete("web"));
}

TEST(Ledger, IsBounded) {
  Ledger ledger;
  for (std::uint64_t id = 1; id <= Ledger::kCgroupsMax + 10; ++id) {
    ledger.received(CgroupId{id}, EVENT_fork);
  }
  v1::CoverageReply reply;
  ledger.view([](CgroupId) { return nullptr; }, reply);
  ASSERT_EQ(reply.ledger_size(), 1);
  EXPECT_EQ(reply.ledger(0).classes(0).received(), Ledger::kCgroupsMax + 10);
}

}  // namespace
}  // namespace idtrail
