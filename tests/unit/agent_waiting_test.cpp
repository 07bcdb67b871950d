// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/identity/waiting.h"
#include "agent/pipeline.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::Bytes;
using testing::kCgroupA;
using testing::kIdA;
using testing::kPodUid;
using testing::kSecond;

/// A pipeline with a pod whose container the runtime has not named yet.
struct Pod {
  Pipeline pipeline{testing::snapshot()};
  Act app{.at = 100 * kSecond, .cgroup = kCgroupA, .tgid = 200, .start = 100};

  Pod() {
    pipeline.on_fact(testing::cgroup_fact(1, 0, "/"));
    pipeline.on_fact(testing::cgroup_fact(testing::kPodCgroup, 1, testing::pod_path()));
    pipeline.on_fact(
        testing::token_volume_fact(testing::kTokenDevice, kPodUid, testing::kTokenInode));
    feed(testing::cgroup_record({.at = app.at}, kCgroupA, testing::kPodCgroup, testing::path_a()));
  }
  void feed(const Bytes& record) { pipeline.on_record(record); }
  void connect(std::uint64_t at) {
    Act act = app;
    act.at = at;
    feed(testing::connect_record(act, testing::kNodeJs, testing::kApiServer, 443));
  }
  void answer() { pipeline.on_fact(testing::container_fact(kIdA, kPodUid)); }
  [[nodiscard]] std::uint64_t unresolved() const {
    return pipeline.counters().unresolved[EVENT_connect];
  }
  /// Events that went out under the pod's real identity.
  [[nodiscard]] std::uint64_t attributed() const {
    std::uint64_t count = 0;
    const v1::TopReply top = pipeline.top();
    for (const v1::TopRow& row : top.rows()) {
      if (row.identity().owner_name() != "web") continue;
      for (const auto& [kind, events] : row.events()) count += events;
    }
    return count;
  }
};

TEST(Waiting, TheAnswerLetsEventsGoUnderTheirIdentity) {
  Pod pod;
  pod.connect(100 * kSecond);
  pod.connect(100 * kSecond + 1);
  EXPECT_EQ(pod.attributed(), 0U);
  EXPECT_EQ(pod.pipeline.counters()[Counter::parked], 2U);
  pod.answer();
  EXPECT_EQ(pod.attributed(), 2U);
  EXPECT_EQ(pod.unresolved(), 0U);
}

TEST(Waiting, APrivilegeIsCountedUnderItsIdentityToo) {
  Pod pod;
  Act act = pod.app;
  act.at = 100 * kSecond;
  pod.feed(testing::privilege_record(act, EVENT_setid));
  EXPECT_EQ(pod.attributed(), 0U);
  pod.answer();
  EXPECT_EQ(pod.attributed(), 1U);
  EXPECT_EQ(pod.pipeline.counters().unresolved[EVENT_setid], 0U);
}

TEST(Waiting, APrivilegeOfNobodyKnownIsCountedAsUnresolved) {
  Pod pod;
  Act act = pod.app;
  act.at = 100 * kSecond;
  pod.feed(testing::privilege_record(act, EVENT_setid));
  pod.pipeline.on_fact(testing::tick_fact(102 * kSecond));
  EXPECT_EQ(pod.pipeline.counters().unresolved[EVENT_setid], 1U);
}

TEST(Waiting, AContainerOfFiftyMillisecondsHasItsIdentity) {
  Pod pod;
  pod.connect(100 * kSecond);
  Act gone = pod.app;
  gone.at += 50'000'000;
  pod.feed(testing::exit_record(gone));
  pod.feed(testing::cgroup_record(gone, kCgroupA, testing::kPodCgroup, ""));
  pod.answer();  // after it died
  EXPECT_EQ(pod.attributed(), 1U);
  EXPECT_EQ(pod.unresolved(), 0U);
}

TEST(Waiting, PastTheDeadlineEventsGoOutUnresolvedAndCounted) {
  Pod pod;
  pod.connect(100 * kSecond);
  pod.pipeline.on_fact(testing::tick_fact(101 * kSecond));
  EXPECT_EQ(pod.unresolved(), 0U);
  pod.pipeline.on_fact(testing::tick_fact(102 * kSecond));
  EXPECT_EQ(pod.unresolved(), 1U);
}

TEST(Waiting, AnyLaterRecordPassesTheTimeToo) {
  Pod pod;
  pod.connect(100 * kSecond);
  pod.feed(testing::exit_record({.at = 103 * kSecond, .cgroup = 1, .tgid = 9, .start = 9}));
  EXPECT_EQ(pod.unresolved(), 1U);
}

TEST(Waiting, ARefusalLetsEventsGoAtOnce) {
  Pod pod;
  pod.connect(100 * kSecond);
  pod.pipeline.on_fact(testing::unknown_container_fact(kIdA));
  EXPECT_EQ(pod.unresolved(), 1U);
}

TEST(Waiting, NobodyOvertakesWithinAPlace) {
  Pod pod;
  pod.answer();
  // The read waits for its volume, so the connection behind it waits as well.
  Act act = pod.app;
  pod.feed(testing::credential_record(act, testing::kNodeJs,
                                      {.inode = 1, .device = 99, .generation = 0}, "token"));
  pod.connect(100 * kSecond);
  EXPECT_EQ(pod.attributed(), 0U);
  pod.pipeline.on_fact(testing::token_volume_fact(99, kPodUid, 1));
  EXPECT_EQ(pod.attributed(), 2U);
}

TEST(Waiting, AtTheEndEverythingGoesOut) {
  Pod pod;
  pod.connect(100 * kSecond);
  pod.pipeline.finish();
  EXPECT_EQ(pod.unresolved(), 1U);
}

TEST(Waiting, AFullRoomLetsTheOldestGoAndCountsIt) {
  Pod pod;
  for (std::size_t i = 0; i < WaitingRoom::kEventsMax + 10; ++i) pod.connect(100 * kSecond);
  EXPECT_EQ(pod.pipeline.counters()[Counter::park_overflow], 10U);
  EXPECT_EQ(pod.unresolved(), 10U);
}

TEST(Waiting, LookUpsAreAskedOnceAndTaken) {
  Pod pod;
  for (int i = 0; i < 5; ++i) pod.connect(100 * kSecond);
  EXPECT_EQ(pod.pipeline.take_look_ups().size(), 1U);
  EXPECT_TRUE(pod.pipeline.take_look_ups().empty());
}

TEST(WaitingRoom, OffersNothingBehindOneThatStays) {
  WaitingRoom room;
  Place one, two;
  room.push({.record = Bytes(1), .place = &one});
  room.push({.record = Bytes(2), .place = &one});
  room.push({.record = Bytes(3), .place = &two});
  std::vector<std::size_t> offered;
  room.sweep([&](Waiting& waiting) {
    offered.push_back(waiting.record.size());
    return waiting.place == &two;
  });
  EXPECT_EQ(offered, (std::vector<std::size_t>{1, 3}));
  EXPECT_EQ(room.size(), 2U);
  EXPECT_EQ(one.waiting, 2U);
  EXPECT_EQ(two.waiting, 0U);
}

TEST(WaitingRoom, FollowsAPlaceThatHasBecomeAnother) {
  WaitingRoom room;
  Place unknown, known;
  room.push({.record = Bytes(1), .place = &unknown});
  unknown.moved_to = &known;
  EXPECT_EQ(room.take_oldest().place, &known);
  EXPECT_EQ(unknown.waiting + known.waiting, 0U);
}

}  // namespace
}  // namespace idtrail
