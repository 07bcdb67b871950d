// SPDX-License-Identifier: Apache-2.0
// Keys that only their names tell: learned and judged as the credentials of volumes are.
#include <gtest/gtest.h>

#include "agent/decode/behaviour_of.h"
#include "agent/pipeline.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::kNodeJs;
using testing::kSecond;

const testing::Program kCat{.path = "/bin/cat", .flags = EXEC_OVERLAY};

/// A pod whose application reads its key while it learns; then the window passes.
struct Pod {
  Pipeline pipeline;
  Act app{
      .at = 100 * kSecond, .cgroup = testing::kCgroupA, .tgid = 200, .start = 100, .lineage = 7};

  explicit Pod(const v1::SnapshotFact& snapshot = testing::snapshot()) : pipeline(snapshot) {
    pipeline.on_fact(testing::cgroup_fact(1, 0, "/"));
    pipeline.on_fact(testing::cgroup_fact(testing::kPodCgroup, 1, testing::pod_path()));
    pipeline.on_record(testing::cgroup_record({.at = app.at}, testing::kCgroupA,
                                              testing::kPodCgroup, testing::path_a()));
    pipeline.on_fact(
        testing::token_volume_fact(testing::kTokenDevice, testing::kPodUid, testing::kTokenInode));
    pipeline.on_fact(testing::container_fact(testing::kIdA, testing::kPodUid));
    pipeline.on_record(testing::exec_record(app, kNodeJs));
    pipeline.on_record(testing::keyfile_record(app, kNodeJs, "/etc/ssl/tls.key", KEY_TLS));
    app.at += 120 * kSecond;
  }
  std::vector<v1::Finding> read(const Act& by, const testing::Program& program,
                                const testing::Bytes& record) {
    if (by.tgid != app.tgid) {
      pipeline.on_record(testing::fork_record(app, by));
      pipeline.on_record(testing::exec_record(by, program, app));
    }
    (void)pipeline.take_findings();
    (void)pipeline.take_cache_orders();
    pipeline.on_record(record);
    return pipeline.take_findings();
  }
  [[nodiscard]] Act child() const {
    Act act = app;
    act.tgid = 300;
    act.start = app.at;
    return act;
  }
};

TEST(KeyFiles, AKnownReadIsSilentAndMayStayInTheKernel) {
  Pod pod;
  (void)pod.pipeline.take_cache_orders();  // of its exec
  const auto record = testing::keyfile_record(pod.app, kNodeJs, "/etc/ssl/tls.key", KEY_TLS);
  EXPECT_TRUE(pod.read(pod.app, kNodeJs, record).empty());
  const auto orders = pod.pipeline.take_cache_orders();
  ASSERT_EQ(orders.known.size(), 1U);
  EXPECT_EQ(orders.known[0].key.kind, static_cast<unsigned>(EVENT_keyfile));
}

TEST(KeyFiles, AReadByAnotherSubjectIsAFinding) {
  Pod pod;
  const Act cat = pod.child();
  const auto findings =
      pod.read(cat, kCat, testing::keyfile_record(cat, kCat, "/etc/ssl/tls.key", KEY_TLS));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule(), "credential-read-novel");
  EXPECT_EQ(findings[0].object().name(), "tls-key /etc/ssl/tls.key");
  EXPECT_EQ(findings[0].evidence(0).event_class(), "keyfile");
  EXPECT_EQ(findings[0].why(),
            "/bin/cat < /usr/bin/node < ? read the tls-key /etc/ssl/tls.key and never did before; "
            "normal here: /usr/bin/node < ? reads tls-key /etc/ssl/tls.key (1 time).");
}

TEST(KeyFiles, AnotherPathOrSortIsAnotherCredential) {
  Pod pod;
  for (const auto& [path, sort] :
       {std::pair<const char*, std::uint16_t>{"/root/.ssh/id_rsa", KEY_SSH},
        {"/etc/ssl/other.key", KEY_TLS}}) {
    const auto record = testing::keyfile_record(pod.app, kNodeJs, path, sort);
    EXPECT_EQ(pod.read(pod.app, kNodeJs, record).size(), 1U) << path;
  }
}

TEST(KeyFiles, AnEnvironmentIsKnownByWhoseItIsAndNeverByTheKernel) {
  Pod pod;
  const Act cat = pod.child();
  const auto record =
      testing::keyfile_record(cat, kCat, "/proc/200/environ", KEY_ENVIRON, 0, pod.app.tgid);
  const auto findings = pod.read(cat, kCat, record);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].object().name(), "environment /usr/bin/node");
  EXPECT_NE(findings[0].why().find("read the environment of /usr/bin/node"), std::string::npos);
  Event event;
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  EXPECT_FALSE(behaviour_of(event));
}

TEST(KeyFiles, ALookThatWasRefusedIsCountedOnly) {
  Pod pod;
  const Act cat = pod.child();
  const auto record =
      testing::keyfile_record(cat, kCat, "/proc/200/environ", KEY_ENVIRON, -13, pod.app.tgid);
  EXPECT_TRUE(pod.read(cat, kCat, record).empty());
  EXPECT_EQ(pod.pipeline.counters().received[EVENT_keyfile], 2U);
}

TEST(KeyFiles, APassedDescriptorIsToldAsSuch) {
  Pod pod;
  const Act cat = pod.child();
  auto record = testing::keyfile_record(cat, kCat, "/etc/ssl/tls.key", KEY_TLS);
  const __u32 flags = CREDENTIAL_RECEIVED;
  std::memcpy(record.data() + sizeof(event_header) + offsetof(keyfile_payload, flags), &flags,
              sizeof(flags));
  const auto findings = pod.read(cat, kCat, record);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_NE(findings[0].evidence(0).text().find("was passed a descriptor of"), std::string::npos);
}

v1::SnapshotFact with_stacks() {
  v1::SnapshotFact snapshot = testing::snapshot();
  snapshot.set_stacks(true);
  return snapshot;
}

TEST(KeyFiles, AFindingWaitsForTheStackOfItsRead) {
  Pod pod(with_stacks());
  const Act cat = pod.child();
  const auto record = testing::keyfile_record(cat, kCat, "/etc/ssl/tls.key", KEY_TLS);
  EXPECT_TRUE(pod.read(cat, kCat, record).empty());
  EXPECT_TRUE(pod.pipeline.awaits_stack(cat.tgid, cat.tgid, cat.at));
  EXPECT_FALSE(pod.pipeline.awaits_stack(cat.tgid, cat.tgid, cat.at + 1));
  v1::Fact fact;
  fact.mutable_stack()->set_tgid(cat.tgid);
  fact.mutable_stack()->set_tid(cat.tgid);
  fact.mutable_stack()->set_boot_ns(cat.at);
  fact.mutable_stack()->add_frames("main+0x10 (/bin/cat)");
  pod.pipeline.on_fact(fact);
  const auto findings = pod.pipeline.take_findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].evidence(0).stack().frames(0), "main+0x10 (/bin/cat)");
  pod.pipeline.on_fact(fact);
  EXPECT_TRUE(pod.pipeline.take_findings().empty()) << "once";
}

TEST(KeyFiles, AStackThatDoesNotComeIsWaitedForNoLongerThanHalfASecond) {
  Pod pod(with_stacks());
  const Act cat = pod.child();
  const auto record = testing::keyfile_record(cat, kCat, "/etc/ssl/tls.key", KEY_TLS);
  EXPECT_TRUE(pod.read(cat, kCat, record).empty());
  pod.pipeline.on_fact(testing::tick_fact(cat.at + kSecond / 4));
  EXPECT_TRUE(pod.pipeline.take_findings().empty());
  pod.pipeline.on_fact(testing::tick_fact(cat.at + kSecond / 2));
  const auto findings = pod.pipeline.take_findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_FALSE(findings[0].evidence(0).has_stack());
}

TEST(KeyFiles, OneThatWaitsForItsContainerIsNamedWhenItGoes) {
  Pipeline pipeline(testing::snapshot());
  pipeline.on_fact(testing::cgroup_fact(1, 0, "/"));
  pipeline.on_fact(testing::cgroup_fact(testing::kPodCgroup, 1, testing::pod_path()));
  const Act app{.at = 100 * kSecond, .cgroup = testing::kCgroupA, .tgid = 200, .start = 100};
  pipeline.on_record(testing::cgroup_record({.at = app.at}, testing::kCgroupA, testing::kPodCgroup,
                                            testing::path_a()));
  pipeline.on_record(testing::exec_record(app, kNodeJs));
  pipeline.on_record(testing::keyfile_record(app, kNodeJs, "/etc/ssl/tls.key", KEY_TLS));
  pipeline.on_fact(
      testing::token_volume_fact(testing::kTokenDevice, testing::kPodUid, testing::kTokenInode));
  pipeline.on_fact(testing::container_fact(testing::kIdA, testing::kPodUid));
  pipeline.on_fact(testing::tick_fact(110 * kSecond));
  const v1::BaselineReply reply = pipeline.baseline("");
  std::string texts;
  for (const auto& view : reply.baselines()) {
    for (const auto& behaviour : view.behaviours()) texts += behaviour.text() + "\n";
  }
  EXPECT_NE(texts.find("reads tls-key /etc/ssl/tls.key"), std::string::npos) << texts;
}

}  // namespace
}  // namespace idtrail
