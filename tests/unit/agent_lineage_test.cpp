// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/agent_node.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::exec_record;
using testing::Node;
using testing::Program;

Program image(const std::string& path) { return {.path = path, .flags = EXEC_OVERLAY}; }

using Paths = std::vector<std::string>;

TEST(Lineage, NamesUpToThreeAncestorsNearestFirst) {
  Node node;
  Act act = node.start_a("/1");
  for (std::uint32_t i = 2; i <= 6; ++i) {
    act = node.fork(act, 200 + i);
    node.feed(exec_record(act, image("/" + std::to_string(i))));
  }
  const Subject& subject = **node.feed(exec_record(act, image("/7")))->subject;
  EXPECT_EQ(subject.lineage, (Paths{"/5", "/4", "/3"}));
  EXPECT_TRUE(subject.lineage_complete);
}

TEST(Lineage, StopsAtTheContainersBoundary) {
  Node node;
  const Act child = node.fork(node.start_a("/usr/bin/node"), 210);
  EXPECT_EQ(node.subject(exec_record(child, image("/bin/sh"))).lineage, (Paths{"/usr/bin/node"}));
}

TEST(Lineage, SurvivesTheDeathOfTheAncestors) {
  Node node;
  const Act parent = node.fork(node.start_a("/usr/bin/node"), 210);
  node.feed(exec_record(parent, image("/bin/sh")));
  const Act child = node.fork(parent, 211);
  node.feed(testing::exit_record(parent));
  // By now its parent is the container's first process.
  EXPECT_EQ(node.subject(exec_record(child, image("/usr/bin/curl"), {.tgid = 200})).lineage,
            (Paths{"/bin/sh", "/usr/bin/node"}));
}

TEST(Lineage, AForkWithoutAnExecIsItsParentsSubject) {
  Node node;
  const Act first = node.start_a("/usr/sbin/nginx");
  const Act worker = node.fork(first, 210);
  const Subject* seen =
      &node.subject(testing::connect_record(worker, {.path = "/usr/sbin/nginx"}, 1, 80));
  EXPECT_EQ(seen,
            &node.subject(testing::connect_record(first, {.path = "/usr/sbin/nginx"}, 1, 80)));
}

TEST(Lineage, TheSameBehaviourOfTwoProcessesIsOneSubject) {
  Node node;
  const Act first = node.start_a();
  const Subject* one = &node.subject(exec_record(node.fork(first, 210), image("/bin/sh")));
  const Subject* two = &node.subject(exec_record(node.fork(first, 211), image("/bin/sh")));
  EXPECT_EQ(one, two);
}

TEST(Lineage, ChildrenOfTheFirstProcessAreTreesOfTheirOwn) {
  Node node;
  const Act first = node.start_a();
  const Act child = node.fork(first, 210);
  node.feed(exec_record(node.fork(child, 211), image("/bin/sh")));
  const auto tree_of = [&](const Act& act) {
    return node.resolver_.processes()
        .find({.tgid = act.tgid, .started = boot_time(act.start)})
        ->tree.tgid;
  };
  EXPECT_EQ(tree_of(first), 200U);
  EXPECT_EQ(tree_of(child), 210U);
  EXPECT_EQ(tree_of({.tgid = 211, .start = child.start + 211}), 210U);
}

TEST(Lineage, AppletAndScriptAreTold) {
  Node node;
  const Act child = node.fork(node.start_a(), 210);
  Program busybox = image("/bin/busybox");
  busybox.filename = "/usr/bin/wget";
  EXPECT_EQ(node.subject(exec_record(child, busybox)).applet, "wget");
  Program script = image("/usr/bin/python3.11");
  script.filename = "/app/run.py";
  script.flags |= EXEC_SCRIPT;
  const Subject& subject = node.subject(exec_record(child, script));
  EXPECT_EQ(subject.script, "/app/run.py");
  EXPECT_EQ(subject.applet, "");
}

TEST(Lineage, AProcessThatNobodySawStartIsKeptWithAHole) {
  Node node;
  node.start_a();
  const Act stranger{.cgroup = testing::kCgroupA, .tgid = 900, .start = 77};
  const Subject& subject =
      node.subject(testing::connect_record(stranger, image("/usr/bin/node"), 1, 80));
  EXPECT_EQ(subject.executable, "/usr/bin/node");  // by the file that it runs
  EXPECT_EQ(subject.entry, Entry::kUnknown);
  EXPECT_FALSE(subject.lineage_complete);
  EXPECT_EQ(node.counters_[Counter::process_unknown], 1U);
  EXPECT_EQ(node.subject(testing::connect_record(stranger, image("/never/seen"), 1, 80)).executable,
            kUnknown);
}

TEST(Lineage, AMissedExecIsNoticedByTheFile) {
  Node node;
  const Act first = node.start_a();
  const Act child = node.fork(first, 210);
  node.feed(exec_record(node.fork(first, 211), image("/usr/bin/curl")));
  const Subject& subject =
      node.subject(testing::connect_record(child, image("/usr/bin/curl"), 1, 80));
  EXPECT_EQ(subject.executable, "/usr/bin/curl");
  EXPECT_FALSE(subject.lineage_complete);
  EXPECT_EQ(node.counters_[Counter::exec_missed], 1U);
}

TEST(Lineage, AReusedPidIsAnotherProcess) {
  Node node;
  const Act child = node.fork(node.start_a(), 210);
  node.feed(exec_record(child, image("/bin/sh")));
  node.feed(testing::exit_record(child));
  Act reused = child;
  reused.start += 1000;
  const Subject& subject =
      node.subject(testing::connect_record(reused, image("/usr/bin/curl"), 1, 80));
  EXPECT_NE(subject.executable, "/bin/sh");
  EXPECT_FALSE(subject.lineage_complete);
}

TEST(Lineage, AProcessFoundAtStartTakesTheFileThatItsFirstEventNames) {
  Node node;
  node.fact(testing::cgroup_fact(testing::kCgroupA, testing::kPodCgroup, testing::path_a()));
  node.fact(testing::process_fact({.tgid = 200,
                                   .start = 20,
                                   .parent = 50,
                                   .cgroup = testing::kCgroupA,
                                   .executable = "/usr/bin/node"}));
  const Act act{.cgroup = testing::kCgroupA, .tgid = 200, .start = 20};
  const Subject& subject =
      node.subject(testing::connect_record(act, image("/usr/bin/node"), 1, 80));
  EXPECT_EQ(subject.executable, "/usr/bin/node");
  EXPECT_EQ(subject.entry, Entry::kContainer);
  EXPECT_EQ(node.counters_[Counter::exec_missed], 0U);
}

}  // namespace
}  // namespace idtrail
