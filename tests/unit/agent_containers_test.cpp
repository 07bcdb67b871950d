// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/identity/containers.h"
#include "tests/unit/agent_node.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::container_fact;
using testing::kCgroupA;
using testing::kIdA;
using testing::kPodUid;
using testing::kSecond;
using testing::Node;

testing::Bytes connect(const Act& act) {
  return testing::connect_record(act, {.path = "/usr/bin/node"}, 0x0A000001, 443);
}

TEST(Containers, GiveAPodItsOwnerContainerAndAccount) {
  Node node;
  node.fact(testing::token_volume_fact(77, kPodUid, 500));
  const Act first = node.start_a();
  node.fact(container_fact(kIdA, kPodUid));
  const Who who = node.who(connect(first));
  EXPECT_FALSE(who.unresolved);
  EXPECT_EQ(who.identity->kind, IdentityKind::kPod);
  EXPECT_EQ(who.identity->cluster, "lab");
  EXPECT_EQ(who.identity->namespace_name, "shop");
  EXPECT_EQ(who.identity->owner_kind, "Deployment");
  EXPECT_EQ(who.identity->owner_name, "web");
  EXPECT_EQ(who.identity->container, "app");
  EXPECT_EQ(who.identity->service_account, "web-sa");
  EXPECT_EQ(who.instance->container_id, kIdA);
  EXPECT_EQ(who.instance->node, "node-1");
  EXPECT_FALSE(node.actor_.waits);
}

TEST(Containers, AskForAContainerWhenItsCgroupIsMade) {
  Node node;
  node.feed(testing::cgroup_record({}, kCgroupA, testing::kPodCgroup, testing::path_a()));
  const auto asked = node.resolver_.take_look_ups();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].container_id, kIdA);
}

TEST(Containers, AskAgainOnlyAfterAPause) {
  Node node;
  Act first = node.start_a();
  (void)node.resolver_.take_look_ups();
  for (int i = 0; i < 100; ++i) node.feed(connect(first));
  EXPECT_TRUE(node.resolver_.take_look_ups().empty());
  first.at += 2 * kSecond;
  node.feed(connect(first));
  EXPECT_EQ(node.resolver_.take_look_ups().size(), 1U);
}

TEST(Containers, NeverGuessAServiceAccount) {
  Node node;
  Act first = node.start_a();
  node.fact(container_fact(kIdA, kPodUid));
  EXPECT_TRUE(node.feed(connect(first))->waits);  // a token may still come
  first.at += 3 * kSecond;
  const Who who = node.who(connect(first));
  EXPECT_FALSE(node.actor_.waits);
  EXPECT_EQ(who.identity->service_account, kUnknown);
}

TEST(Containers, TakeAnAccountThatIsStatedLate) {
  Node node;
  Act first = node.start_a();
  node.fact(container_fact(kIdA, kPodUid));
  first.at += 3 * kSecond;
  const std::uint64_t before = node.who(connect(first)).identity_id;
  node.fact(testing::token_volume_fact(77, kPodUid, 500));
  const Who who = node.who(connect(first));
  EXPECT_EQ(who.identity->service_account, "web-sa");
  EXPECT_NE(who.identity_id, before);
}

TEST(Containers, TakeNoAccountFromATokenOfAnotherPod) {
  Node node;
  v1::Fact volume = testing::token_volume_fact(77, kPodUid, 500);
  volume.mutable_volume()->mutable_files(0)->mutable_claims()->set_pod_uid("another");
  node.fact(volume);
  node.start_a();
  node.fact(container_fact(kIdA, kPodUid));
  EXPECT_EQ(node.who(connect({.cgroup = kCgroupA, .tgid = 200})).identity->service_account,
            kUnknown);
}

TEST(Containers, ShareOneIdentityBetweenReplicas) {
  Node node;
  const std::string other = "11111111-aaaa-4bbb-8ccc-1234567890ab";
  node.fact(testing::token_volume_fact(77, kPodUid, 500));
  node.fact(testing::token_volume_fact(78, other, 600));
  const Act first = node.start_a();
  node.fact(container_fact(kIdA, kPodUid));
  node.feed(
      testing::cgroup_record({}, 21, 1, "/kubepods/burstable/pod" + other + "/" + testing::kIdB));
  node.fact(container_fact(testing::kIdB, other));
  const Who one = node.who(connect(first));
  const Who two = node.who(connect({.cgroup = 21, .tgid = 700, .start = 8}));
  EXPECT_EQ(one.identity, two.identity);
  EXPECT_NE(one.instance, two.instance);
}

TEST(Containers, FallBackToWhatThePathTellsWhileNobodyKnows) {
  Node node;
  const Act first = node.start_a();
  const Who who = node.who(connect(first));
  EXPECT_TRUE(who.unresolved);
  ASSERT_NE(who.identity, nullptr);
  EXPECT_EQ(who.identity->owner_name, kPodUid);
  EXPECT_EQ(who.instance->pod_uid, kPodUid);
  EXPECT_EQ(who.instance->container_id, kIdA);
}

TEST(Containers, DoNotWaitForWhatTheRuntimeDoesNotKnow) {
  Node node;
  const Act first = node.start_a();
  node.fact(testing::unknown_container_fact(kIdA));
  EXPECT_FALSE(node.feed(connect(first))->waits);
  EXPECT_EQ(node.counters_[Counter::container_refused], 1U);
  node.fact(testing::token_volume_fact(77, kPodUid, 500));
  node.fact(container_fact(kIdA, kPodUid));
  EXPECT_FALSE(node.who(connect(first)).unresolved);
}

TEST(Containers, PlainContainersAndUnitsHaveIdentitiesToo) {
  Node node;
  node.feed(testing::cgroup_record({}, 30, 1, "/system.slice/docker-" + kIdA + ".scope"));
  node.fact(container_fact(kIdA, "", "redis"));
  const Who plain = node.who(connect({.cgroup = 30, .tgid = 600, .start = 6}));
  EXPECT_EQ(plain.identity->kind, IdentityKind::kContainer);
  EXPECT_EQ(plain.identity->owner_kind, "Container");
  EXPECT_EQ(plain.identity->owner_name, "redis");
  const Who unit = node.who(connect({.cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5}));
  EXPECT_EQ(unit.identity->kind, IdentityKind::kUnit);
  EXPECT_EQ(unit.identity->owner_name, "containerd.service");
  const Who host = node.who(connect({.cgroup = testing::kRootCgroup, .tgid = 7, .start = 7}));
  EXPECT_EQ(host.identity->kind, IdentityKind::kHost);
}

TEST(Containers, ChildCgroupsAreTheirContainerWhateverTheirName) {
  Node node;
  const Act first = node.start_a();
  node.fact(testing::token_volume_fact(77, kPodUid, 500));
  node.fact(container_fact(kIdA, kPodUid));
  const std::string forged =
      testing::path_a() + "/kubepods/pod11111111-aaaa-4bbb-8ccc-" + "1234567890ab/" + testing::kIdB;
  node.feed(testing::cgroup_record(first, 40, kCgroupA, forged));
  Act inside = first;
  inside.cgroup = 40;
  EXPECT_EQ(node.who(connect(inside)).instance->container_id, kIdA);
}

TEST(Containers, KeepARemovedCgroupForTwoMinutes) {
  Node node;
  node.fact(testing::token_volume_fact(77, kPodUid, 500));
  Act first = node.start_a();
  node.feed(testing::cgroup_record(first, kCgroupA, testing::kPodCgroup, ""));
  node.fact(container_fact(kIdA, kPodUid));  // the answer comes after the pod has gone
  first.at += 119 * kSecond;
  node.resolver_.forget_removed(boot_time(first.at));
  EXPECT_EQ(node.who(connect(first)).identity->owner_name, "web");
  first.at += 2 * kSecond;
  node.resolver_.forget_removed(boot_time(first.at));
  EXPECT_TRUE(node.who(connect(first)).unresolved);
}

TEST(Containers, AReusedCgroupNumberIsAnotherContainer) {
  Node node;
  const Act first = node.start_a();
  node.feed(testing::cgroup_record(first, kCgroupA, testing::kPodCgroup, ""));
  node.feed(testing::cgroup_record(first, kCgroupA, testing::kPodCgroup,
                                   testing::pod_path() + "/" + testing::kIdB));
  EXPECT_EQ(node.who(connect({.cgroup = kCgroupA, .tgid = 9, .start = 9})).instance->container_id,
            testing::kIdB);
  node.resolver_.forget_removed(boot_time(500 * kSecond));
  EXPECT_EQ(node.who(connect({.cgroup = kCgroupA, .tgid = 9, .start = 9})).instance->container_id,
            testing::kIdB);
}

TEST(Containers, AskForACgroupThatNobodyAnnounced) {
  Node node;
  const Act stranger{.cgroup = 999, .tgid = 9, .start = 9};
  EXPECT_TRUE(node.feed(connect(stranger))->waits);
  const auto asked = node.resolver_.take_look_ups();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].what, LookUp::What::kCgroup);
  EXPECT_EQ(asked[0].cgroup, 999U);
  EXPECT_TRUE(node.fact(testing::cgroup_fact(999, 1, "/system.slice/cron.service")));
  EXPECT_EQ(node.who(connect(stranger)).identity->owner_name, "cron.service");
}

TEST(Containers, LeaveOutWhatLiesOutsideTheScopeButKeepItsLineage) {
  Node node("/watched");
  node.feed(testing::cgroup_record({}, 50, 1, "/watched"));
  node.feed(testing::cgroup_record({}, 51, 50, "/watched/docker-" + kIdA + ".scope"));
  EXPECT_FALSE(node.feed(connect({.cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5})));
  EXPECT_GE(node.counters_[Counter::out_of_scope], 1U);
  const Act first = node.runc_into(51, 300);
  EXPECT_EQ(node.subject(testing::exec_record(first, {.path = "/a", .flags = EXEC_OVERLAY})).entry,
            Entry::kContainer);
}

TEST(Containers, AContainerAroundTheScopeIsTheHost) {
  Node node("/docker/" + kIdA);
  node.feed(testing::cgroup_record({}, 60, 1, "/docker/" + kIdA));
  node.feed(testing::cgroup_record({}, 61, 60,
                                   "/docker/" + kIdA + testing::pod_path() + "/" + testing::kIdB));
  const Who who = node.who(connect({.cgroup = 61, .tgid = 9, .start = 9}));
  EXPECT_EQ(who.instance->container_id, testing::kIdB);
  EXPECT_EQ(who.instance->pod_uid, kPodUid);
}

}  // namespace
}  // namespace idtrail
