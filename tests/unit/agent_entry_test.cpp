// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/agent_node.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::exec_record;
using testing::kCgroupA;
using testing::Node;

const testing::Program kShell{.path = "/bin/sh", .flags = EXEC_OVERLAY};
const testing::Program kCurl{.path = "/usr/bin/curl", .flags = EXEC_OVERLAY};

TEST(Entry, TheFirstToEnterANewContainerIsItsFirstProcess) {
  Node node;
  node.feed(testing::cgroup_record({}, kCgroupA, testing::kPodCgroup, testing::path_a()));
  const Act first = node.runc_into(kCgroupA, 200);
  const Subject& subject = node.subject(exec_record(first, kShell));
  EXPECT_EQ(subject.entry, Entry::kContainer);
  EXPECT_EQ(subject.origin, Origin::kImage);
  EXPECT_EQ(subject.entry_hash, 0U);
  EXPECT_TRUE(subject.lineage.empty());
  EXPECT_TRUE(subject.lineage_complete);
  EXPECT_EQ(node.actor_.tree, (ProcessKey{.tgid = 200, .started = boot_time(first.start)}));
}

TEST(Entry, TheRuntimeAtWorkInsideTheCgroupIsTheRuntime) {
  Node node;
  node.start_a();
  const Act init = node.runc_into(kCgroupA, 300);
  const Subject& subject = node.subject(exec_record(
      init, {.path = "/memfd:runc_cloned:/proc/self/exe", .flags = EXEC_HOST_MNTNS | EXEC_MEMFD}));
  EXPECT_EQ(subject.entry, Entry::kRuntime);
  EXPECT_EQ(subject.origin, Origin::kMemfd);
}

TEST(Entry, ALaterOneHasEnteredAndCarriesItsCommand) {
  Node node;
  node.start_a();
  const Act shell = node.runc_into(kCgroupA, 300);
  const Subject& subject = node.subject(
      exec_record(shell, {.path = "/bin/sh", .flags = EXEC_OVERLAY | EXEC_TTY, .args = "sh -i"}));
  EXPECT_EQ(subject.entry, Entry::kEntered);
  EXPECT_EQ(subject.entry_command, "sh -i");
  EXPECT_NE(subject.entry_hash, 0U);
  EXPECT_TRUE(subject.tty);
  EXPECT_EQ(node.actor_.tree.tgid, 300U);
}

TEST(Entry, WhatAnEnteredProcessStartsKeepsItsTreeAndCommand) {
  Node node;
  node.start_a();
  const Act shell = node.runc_into(kCgroupA, 300);
  const std::uint64_t hash = node.subject(exec_record(shell, kShell)).entry_hash;
  const Act child = node.fork(shell, 301);
  const Act grandchild = node.fork(child, 302);
  const Subject& subject = node.subject(exec_record(grandchild, kCurl));
  EXPECT_EQ(subject.entry, Entry::kEntered);
  EXPECT_EQ(subject.entry_hash, hash);
  EXPECT_EQ(subject.entry_command, "/bin/sh");
  EXPECT_EQ(node.actor_.tree.tgid, 300U);
}

TEST(Entry, TheSameProgramFromTheApplicationAndFromASessionAreTwoSubjects) {
  Node node;
  const Act first = node.start_a();
  const std::uint64_t own = node.subject(exec_record(node.fork(first, 210), kShell)).hash;
  const std::uint64_t session =
      node.subject(exec_record(node.runc_into(kCgroupA, 300), kShell)).hash;
  EXPECT_NE(own, session);
}

TEST(Entry, ChildrenOfTheRuntimeThatStayOutsideAreTheRuntime) {
  Node node;
  node.start_a();
  const Act init = node.runc_into(kCgroupA, 300);
  const Act stage = node.fork(init, 301);
  const testing::Program helper{.path = "/usr/bin/newuidmap", .flags = EXEC_HOST_MNTNS};
  EXPECT_EQ(node.subject(exec_record(stage, helper)).entry, Entry::kRuntime);
}

TEST(Entry, TheFirstProcessMayBeAGrandchildOfTheOneThatWasMoved) {
  Node node;
  node.feed(testing::cgroup_record({}, kCgroupA, testing::kPodCgroup, testing::path_a()));
  const Act stage0 = node.runc_into(kCgroupA, 200);
  const Act stage2 = node.fork(node.fork(stage0, 201), 202);
  node.feed(testing::exit_record(stage0));
  EXPECT_EQ(node.subject(exec_record(stage2, kShell)).entry, Entry::kContainer);
}

TEST(Entry, AProcessMovedBeforeItsExecIsSeenToEnterByItsFork) {
  Node node;
  node.start_a();
  // Only the move lies between these two: the exec of the runtime was outside.
  const Act outside{.at = 9, .cgroup = testing::kRuntimeCgroup, .tgid = 300, .start = 9};
  node.feed(
      testing::fork_record({.cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5}, outside));
  node.feed(exec_record(outside, {.path = "/usr/bin/runc", .flags = EXEC_HOST_MNTNS}));
  Act inside = outside;
  inside.cgroup = kCgroupA;
  const Act child = node.fork(inside, 301);
  EXPECT_EQ(node.subject(exec_record(child, kShell)).entry, Entry::kEntered);
}

TEST(Entry, CloneIntoCgroupEntersAtTheFork) {
  Node node;
  node.start_a();
  const Act parent{.cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5};
  const Act child{.cgroup = kCgroupA, .tgid = 300, .start = 9};
  node.feed(testing::fork_record(parent, child));
  EXPECT_EQ(node.subject(exec_record(child, kShell)).entry, Entry::kEntered);
}

TEST(Entry, AProcessForkedInsideAndFoundInTheHostsMountNamespaceIsNotTheRuntime) {
  Node node;
  const Act child = node.fork(node.start_a(), 210);
  const testing::Program escaped{.path = "/usr/bin/bash", .flags = EXEC_HOST_MNTNS};
  const Subject& subject = node.subject(exec_record(child, escaped));
  EXPECT_EQ(subject.entry, Entry::kContainer);
  EXPECT_NE(subject.origin, Origin::kHost);
}

TEST(Entry, AContainerThatIsStartedAgainHasANewFirstProcess) {
  Node node;
  node.start_a();
  node.feed(testing::cgroup_record({}, kCgroupA, testing::kPodCgroup, ""));
  node.feed(testing::cgroup_record({}, 12, testing::kPodCgroup, testing::path_a()));
  const Act again = node.runc_into(12, 400);
  EXPECT_EQ(node.subject(exec_record(again, kShell)).entry, Entry::kContainer);
}

TEST(Entry, AContainerFoundRunningTakesNoFirstProcessFromASession) {
  Node node;
  node.fact(testing::cgroup_fact(kCgroupA, testing::kPodCgroup, testing::path_a()));
  const Act shell = node.runc_into(kCgroupA, 300);
  EXPECT_EQ(node.subject(exec_record(shell, kShell)).entry, Entry::kEntered);
}

TEST(Entry, OfProcessesFoundRunningTheFirstIsTheContainersAndLaterOnesEntered) {
  Node node;
  node.fact(testing::cgroup_fact(kCgroupA, testing::kPodCgroup, testing::path_a()));
  node.fact(testing::process_fact(
      {.tgid = 200, .start = 20, .parent = 50, .cgroup = kCgroupA, .executable = "/usr/bin/node"}));
  node.fact(testing::process_fact(
      {.tgid = 201, .start = 21, .parent = 200, .cgroup = kCgroupA, .executable = "/bin/sh"}));
  node.fact(testing::process_fact(
      {.tgid = 202, .start = 22, .parent = 50, .cgroup = kCgroupA, .executable = "/bin/sh"}));
  const auto entry_of = [&](std::uint32_t tgid, std::uint64_t start) {
    return node.resolver_.processes()
        .find({.tgid = tgid, .started = boot_time(start)})
        ->subject->entry;
  };
  EXPECT_EQ(entry_of(200, 20), Entry::kContainer);
  EXPECT_EQ(entry_of(201, 21), Entry::kContainer);
  EXPECT_EQ(entry_of(202, 22), Entry::kEntered);
}

TEST(Entry, ProcessesOfTheNodeAreOnTheHost) {
  Node node;
  const Act daemon{.cgroup = testing::kRuntimeCgroup, .tgid = 50, .start = 5};
  const Subject& subject =
      node.subject(exec_record(daemon, {.path = "/usr/bin/containerd", .flags = EXEC_HOST_MNTNS}));
  EXPECT_EQ(subject.entry, Entry::kHost);
  EXPECT_EQ(subject.origin, Origin::kHost);
}

struct OriginRow {
  std::uint32_t flags;
  Origin origin;
};

TEST(Entry, OriginIsTheStrongestOfWhatTheKernelSaw) {
  for (const OriginRow& row :
       {OriginRow{EXEC_OVERLAY, Origin::kImage},
        OriginRow{EXEC_OVERLAY | EXEC_UPPER, Origin::kUpper}, OriginRow{EXEC_TMPFS, Origin::kTmpfs},
        OriginRow{EXEC_DELETED | EXEC_TMPFS, Origin::kDeleted},
        OriginRow{EXEC_MEMFD | EXEC_DELETED | EXEC_TMPFS, Origin::kMemfd},
        OriginRow{0, Origin::kVolume}}) {
    Node node;
    const Act child = node.fork(node.start_a(), 210);
    EXPECT_EQ(node.subject(exec_record(child, {.path = "/x", .flags = row.flags})).origin,
              row.origin)
        << row.flags;
  }
}

}  // namespace
}  // namespace idtrail
