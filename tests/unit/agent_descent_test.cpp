// SPDX-License-Identifier: Apache-2.0
// Processes whose fork and exec stayed in the kernel, since they were known: a record of one says
// by its lineage who it is.
#include <gtest/gtest.h>

#include "agent/identity/lineages.h"
#include "tests/unit/agent_node.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::connect_record;
using testing::exec_record;
using testing::kCgroupA;
using testing::Node;
using testing::Program;

constexpr std::uint64_t kOfNode = 1001;
constexpr std::uint64_t kOfShell = 1002;
constexpr std::uint64_t kOfRuntime = 1003;
constexpr std::uint64_t kOfSession = 1004;
constexpr std::uint32_t kPeer = 0x0A600001;

const Program kShell{.path = "/bin/sh", .flags = EXEC_OVERLAY};
const Program kCat{.path = "/bin/cat", .flags = EXEC_OVERLAY};

/// A container whose application has run a shell once, told in full.
struct Told : Node {
  Act first = start_a("/usr/bin/node");
  Act shell;

  Told() {
    first.lineage = kOfNode;
    feed(connect_record(first, {.path = "/usr/bin/node"}, kPeer, 443));
    shell = fork(first, 210);
    shell.lineage = kOfShell;
    feed(exec_record(shell, kShell, first, kOfNode));
  }
};

Act untold(std::uint32_t tgid, std::uint64_t lineage) {
  return {.cgroup = kCgroupA,
          .tgid = tgid,
          .start = 5000,
          .lineage = lineage,
          .tree = {.tgid = 310, .start = 4900}};
}

TEST(Descent, AProcessNobodyToldOfIsKnownByItsLineage) {
  Told node;
  const Subject* shell = &node.subject(connect_record(node.shell, kShell, kPeer, 443));
  EXPECT_EQ(&node.subject(connect_record(untold(311, kOfShell), kShell, kPeer, 443)), shell);
  EXPECT_EQ(node.actor_.tree, (ProcessKey{.tgid = 310, .started = boot_time(4900)}));
  EXPECT_EQ(node.counters_[Counter::process_unknown], 0U);
}

TEST(Descent, WhatItRunsHasItsAncestors) {
  Told node;
  const Act cat = untold(312, 77);
  const Subject& subject = node.subject(exec_record(cat, kCat, {.tgid = 9}, kOfShell));
  EXPECT_EQ(subject.lineage, (std::vector<std::string>{"/bin/sh", "/usr/bin/node"}));
  EXPECT_EQ(subject.entry, Entry::kContainer);
  EXPECT_TRUE(subject.lineage_complete);
  EXPECT_EQ(node.counters_[Counter::process_unknown], 0U);
  // And so have those of its own lineage.
  EXPECT_EQ(&node.subject(connect_record(untold(313, 77), kCat, kPeer, 443)), &subject);
}

TEST(Descent, ARecordBeforeItsExecDoesNotChangeWhomItDescendsFrom) {
  Told node;
  // The shell's child opens something for what it is about to run.
  Act child = untold(315, kOfShell);
  node.feed(connect_record(child, kShell, kPeer, 443));
  child.lineage = 80;
  EXPECT_EQ(node.subject(exec_record(child, kCat, {}, kOfShell)).lineage,
            (std::vector<std::string>{"/bin/sh", "/usr/bin/node"}));
}

TEST(Descent, AFlowOfOneThatHasEndedLeavesNoProcessBehind) {
  Told node;
  const std::size_t before = node.resolver_.processes().size();
  const Subject& subject = node.subject(testing::flow_record(untold(316, kOfShell), kShell, 1, 2));
  EXPECT_EQ(subject.executable, "/bin/sh");
  EXPECT_EQ(node.resolver_.processes().size(), before);
}

TEST(Descent, WhoComesInAndIsNotRememberedHasEntered) {
  Told node;
  const Act stranger = untold(430, 81);
  const Program shell{.path = "/bin/sh", .flags = EXEC_OVERLAY | EXEC_FROM_OWN | EXEC_TOP};
  EXPECT_EQ(node.subject(exec_record(stranger, shell, {}, 4321)).entry, Entry::kEntered);
}

TEST(Descent, AForkOfOneGivesTheChildItsSubject) {
  Told node;
  const Act parent = untold(314, kOfShell);
  const Act child = node.fork(parent, 20);
  EXPECT_EQ(node.subject(connect_record(child, kShell, kPeer, 443)).executable, "/bin/sh");
  Act runs = child;
  runs.lineage = 78;
  EXPECT_EQ(node.subject(exec_record(runs, kCat, parent, kOfShell)).lineage,
            (std::vector<std::string>{"/bin/sh", "/usr/bin/node"}));
}

TEST(Descent, ARuntimeNobodyToldOfEntersAllTheSame) {
  Told node;
  // Told once: containerd forks a runc, which runs on the host.
  const Act runc{.at = 9, .cgroup = testing::kRuntimeCgroup, .tgid = 400, .start = 9};
  Act told = runc;
  told.lineage = kOfRuntime;
  node.feed(testing::fork_record(
      {.cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5, .lineage = 50}, runc));
  node.feed(exec_record(told, {.path = "/usr/bin/runc", .flags = EXEC_HOST_MNTNS}, {}, 50));
  // The next one is heard of when it runs its program in the container.
  const Act session = untold(410, kOfSession);
  const Subject& subject = node.subject(exec_record(
      session, {.path = "/bin/sh", .flags = EXEC_OVERLAY | EXEC_FROM_OWN, .args = "sh -i"}, {},
      kOfRuntime));
  EXPECT_EQ(subject.entry, Entry::kEntered);
  EXPECT_EQ(subject.entry_command, "sh -i");
  EXPECT_EQ(node.actor_.tree.tgid, 410U);
  EXPECT_EQ(node.subject(connect_record(untold(411, kOfSession), kShell, kPeer, 443)).entry,
            Entry::kEntered);
}

TEST(Descent, AnExecInASessionStaysInIt) {
  Told node;
  Act session = node.runc_into(kCgroupA, 300);
  session.lineage = kOfSession;
  const std::uint64_t hash = node.subject(exec_record(session, kShell)).entry_hash;
  Act other = untold(420, 79);  // of the same command, and then something else
  const Program cat{.path = "/bin/cat", .flags = EXEC_OVERLAY | EXEC_FROM_OWN};
  const Subject& subject = node.subject(exec_record(other, cat, {}, kOfSession));
  EXPECT_EQ(subject.entry, Entry::kEntered);
  EXPECT_EQ(subject.entry_hash, hash);
}

TEST(Descent, AMovedProcessSaysNothingOfItsLineage) {
  Node node;
  node.start_a();
  const Program tool{.path = "/usr/bin/tool", .flags = EXEC_HOST_MNTNS};
  Act moved{.at = 9, .cgroup = testing::kRuntimeCgroup, .tgid = 500, .start = 9, .lineage = 90};
  node.feed(
      testing::fork_record({.cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5}, moved));
  moved.cgroup = kCgroupA;
  moved.flags = EVENT_MOVED;
  node.feed(connect_record(moved, tool, kPeer, 443));
  EXPECT_FALSE(node.resolver_.knows(LineageId{90}));
  const Act at_home{.cgroup = testing::kRuntimeCgroup, .tgid = 501, .start = 9, .lineage = 90};
  EXPECT_EQ(node.subject(connect_record(at_home, tool, kPeer, 443)).entry, Entry::kHost);
}

TEST(Descent, WithoutItsLineageItIsUnknownAsBefore) {
  Told node;
  const Subject& subject = node.subject(connect_record(untold(330, 4321), kCat, kPeer, 443));
  EXPECT_FALSE(subject.lineage_complete);
  EXPECT_EQ(node.counters_[Counter::process_unknown], 1U);
}

TEST(Lineages, ForgetsWhatNobodyLooksAt) {
  Lineages lineages(4);
  const auto id = [](std::uint64_t number) { return LineageId{number}; };
  for (std::uint64_t i = 1; i <= 4; ++i) lineages.put(id(i), {.place = i});
  for (std::uint64_t i = 5; i <= 8; ++i) lineages.put(id(i), {.place = i});
  ASSERT_NE(lineages.find(id(1)), nullptr) << "looked at: it is young again";
  EXPECT_EQ(lineages.find(id(1))->place, 1U);
  for (std::uint64_t i = 9; i <= 12; ++i) lineages.put(id(i), {.place = i});
  EXPECT_NE(lineages.find(id(1)), nullptr);
  EXPECT_EQ(lineages.find(id(2)), nullptr);
  EXPECT_LE(lineages.size(), 8U);
  EXPECT_EQ(lineages.turns(), 2U);
}

TEST(Lineages, KeepsWhatStoodFirstUnlessItWasLessAndNothingUnderNone) {
  Lineages lineages;
  const auto entry = [&] { return lineages.find(LineageId{5})->entry; };
  lineages.put(LineageId{5}, {.place = 1, .entry = Entry::kUnknown, .start_seen = false});
  lineages.put(LineageId{5}, {.place = 1, .entry = Entry::kHost, .start_seen = false});
  EXPECT_EQ(entry(), Entry::kUnknown);
  lineages.put(LineageId{5}, {.place = 1, .entry = Entry::kContainer});
  EXPECT_EQ(entry(), Entry::kContainer) << "its start was seen";
  lineages.put(LineageId{5}, {.place = 1, .entry = Entry::kHost});
  EXPECT_EQ(entry(), Entry::kContainer);
  lineages.put(LineageId{5}, {.place = 2, .entry = Entry::kHost});
  EXPECT_EQ(entry(), Entry::kHost) << "its place became known";
  lineages.put(LineageId{}, {.place = 3});
  EXPECT_EQ(lineages.find(LineageId{}), nullptr);
}

}  // namespace
}  // namespace idtrail
