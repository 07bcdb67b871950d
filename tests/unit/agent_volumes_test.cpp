// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/identity/volumes.h"
#include "tests/unit/agent_node.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::kPodUid;
using testing::kTokenDevice;
using testing::kTokenInode;
using testing::Node;
using testing::token_volume_fact;

testing::Bytes read(const Act& act, std::uint64_t inode, const std::string& name = "token",
                    const std::string& exe = "/usr/bin/node", std::uint32_t device = kTokenDevice) {
  return testing::credential_record(act, {.path = exe},
                                    {.inode = inode, .device = device, .generation = 0}, name);
}

struct Pod : Node {
  Act first;
  Pod() {
    fact(token_volume_fact(kTokenDevice, kPodUid, kTokenInode));
    first = start_a();
    fact(testing::container_fact(testing::kIdA, kPodUid));
    (void)resolver_.take_look_ups();
  }
  /// The outcome for an event that waited, after a Fact.
  Resolver::Verdict again() { return resolver_.review(event_, actor_, event_.at); }
};

TEST(Volumes, NameTheCredentialByDeviceAndInode) {
  Pod pod;
  const auto actor = pod.feed(read(pod.first, kTokenInode, "any-link"));
  ASSERT_NE(actor->credential, nullptr);
  EXPECT_EQ(actor->credential->file, "token");
  EXPECT_EQ(actor->credential->kind, "service-account-token");
  EXPECT_EQ(actor->credential->service_account, "web-sa");
  EXPECT_EQ(actor->credential->pod_uid, kPodUid);
  EXPECT_EQ(actor->credential->token_id, "f1b2c3d4-0000-4000-8000-000000000001");
  EXPECT_TRUE(actor->credential->sensitive);
  EXPECT_FALSE(pod.feed(read(pod.first, kTokenInode + 1, "ca.crt"))->credential->sensitive);
}

TEST(Volumes, ARotatedTokenIsListedAnewAndKeepsItsName) {
  Pod pod;
  pod.actor_ = *pod.feed(read(pod.first, 900));
  EXPECT_TRUE(pod.actor_.waits);
  const auto asked = pod.resolver_.take_look_ups();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].device, kTokenDevice);
  EXPECT_TRUE(pod.fact(token_volume_fact(kTokenDevice, kPodUid, 900, 2)));
  EXPECT_EQ(pod.again(), Resolver::Verdict::kGo);
  EXPECT_EQ(pod.actor_.credential->token_id, "f1b2c3d4-0000-4000-8000-000000000002");
}

TEST(Volumes, AFileThatWentBeforeTheListingIsKnownByItsName) {
  Pod pod;
  pod.actor_ = *pod.feed(read(pod.first, 900));
  pod.fact(token_volume_fact(kTokenDevice, kPodUid, 901, 2));
  EXPECT_EQ(pod.again(), Resolver::Verdict::kGo);
  ASSERT_NE(pod.actor_.credential, nullptr);
  EXPECT_EQ(pod.actor_.credential->file, "token");
}

TEST(Volumes, AFileThatNoListingNamesIsStillACredentialOfItsVolume) {
  Pod pod;
  pod.actor_ = *pod.feed(read(pod.first, 900, "odd"));
  pod.fact(token_volume_fact(kTokenDevice, kPodUid, kTokenInode, 2));
  EXPECT_EQ(pod.again(), Resolver::Verdict::kGo);
  EXPECT_EQ(pod.actor_.credential->file, "odd");
  EXPECT_EQ(pod.actor_.credential->pod_uid, kPodUid);
  EXPECT_EQ(pod.counters_[Counter::volume_file_unlisted], 1U);
  EXPECT_FALSE(pod.feed(read(pod.first, 900, "odd"))->waits);
}

TEST(Volumes, AMountThatComesOrGoesVoidsWhatWasKnown) {
  for (const std::uint32_t op : {MOUNT_NEW, MOUNT_GONE}) {
    Pod pod;
    pod.feed(testing::mount_record({}, kTokenDevice, op));
    EXPECT_TRUE(pod.feed(read(pod.first, kTokenInode))->waits);
  }
}

TEST(Volumes, ANewMountIsAskedForAtOnce) {
  Pod pod;
  pod.feed(testing::mount_record({}, 88, MOUNT_NEW));
  const auto asked = pod.resolver_.take_look_ups();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].what, LookUp::What::kVolume);
  EXPECT_EQ(asked[0].device, 88U);
}

testing::Bytes of_generation(testing::Bytes record, std::uint32_t generation) {
  std::memcpy(
      record.data() + sizeof(event_header) + offsetof(credential_payload, volume_generation),
      &generation, sizeof(generation));
  return record;
}

TEST(Volumes, ASuperblockNewerThanTheListingWaitsForItsOwn) {
  Pod pod;
  EXPECT_TRUE(pod.feed(of_generation(read(pod.first, kTokenInode), 5))->waits);
}

TEST(Volumes, AListingOfADevicesNextOwnerNeverNamesAReadOfTheFormer) {
  Pod pod;
  v1::Fact next = token_volume_fact(kTokenDevice, "another-pod", kTokenInode);
  next.mutable_volume()->set_generation(6);
  pod.actor_ = *pod.feed(of_generation(read(pod.first, kTokenInode), 5));
  pod.fact(next);
  EXPECT_EQ(pod.again(), Resolver::Verdict::kWait);
  EXPECT_EQ(pod.resolver_.settle(pod.event_, pod.actor_), Resolver::Verdict::kGo);
  EXPECT_EQ(pod.actor_.credential, nullptr);
}

TEST(Volumes, AnOrdinaryTmpfsIsNoEvent) {
  Pod pod;
  pod.fact(testing::ordinary_volume_fact(90));
  EXPECT_FALSE(pod.feed(read(pod.first, 1, "x", "/usr/bin/node", 90)));
  EXPECT_EQ(pod.counters_[Counter::ordinary_tmpfs], 1U);
}

TEST(Volumes, TheNodesOwnReadersAreExpectedAndNoContainersAre) {
  Pod pod;
  const Act kubelet{.cgroup = testing::kRuntimeCgroup, .tgid = 70, .start = 7};
  pod.feed(testing::exec_record(kubelet, {.path = "/usr/bin/kubelet", .flags = EXEC_HOST_MNTNS}));
  EXPECT_FALSE(pod.feed(read(kubelet, kTokenInode, "token", "/usr/bin/kubelet")));
  EXPECT_EQ(pod.counters_[Counter::expected_reader], 1U);
  const Act fake = pod.fork(pod.first, 210);
  pod.feed(testing::exec_record(fake, {.path = "/usr/bin/kubelet", .flags = EXEC_OVERLAY}));
  EXPECT_TRUE(pod.feed(read(fake, kTokenInode, "token", "/usr/bin/kubelet")));
}

TEST(Volumes, ADeviceThatNobodyNamesGoesOutWithoutACredential) {
  Pod pod;
  pod.actor_ = *pod.feed(read(pod.first, 1, "x", "/usr/bin/node", 91));
  EXPECT_EQ(pod.resolver_.settle(pod.event_, pod.actor_), Resolver::Verdict::kGo);
  EXPECT_EQ(pod.actor_.credential, nullptr);
  EXPECT_EQ(pod.counters_[Counter::volume_unresolved], 1U);
}

}  // namespace
}  // namespace idtrail
