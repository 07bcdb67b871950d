// SPDX-License-Identifier: Apache-2.0
// What is kept of each process (bpf/lib/process.h): what is the same subject has one lineage, what
// is not has another, and what user space has judged known of a lineage stays in the kernel.
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/cgroup.h"

namespace idtrail::test {
namespace {

constexpr std::uint32_t kBuckets = 16384;  // PROCESS_BUCKETS of bpf/lib/process.h
constexpr const char* kShell = "/bin/sh";

class LineageTest : public testing::Test {
 protected:
  void SetUp() override { seen(); }
  Records seen() { return drain(sensor_); }
  /// The one exec of that process since the last call.
  Record exec_of(const Acted& one) {
    const Records execs = select(seen(), EVENT_exec, one.tgid);
    EXPECT_EQ(execs.size(), 1U);
    return execs.empty() ? Record{} : execs.back();
  }
  __u64 lineage_of(const Acted& one) {
    const Record record = exec_of(one);
    EXPECT_NE(record.header.lineage, 0U);
    return record.header.lineage;
  }

  Sensor sensor_ = open_sensor({.only = {"cgroup", "exec", "fork", "exit"}, .skip_tgid = 1});
  Folder folder_;
  std::string target_ = exec_target();
};

TEST_F(LineageTest, IsOneWhereNothingDiffers) {
  const __u64 one = lineage_of(run(target_, {"target", "first"}));
  EXPECT_EQ(lineage_of(run(target_, {"target", "second"})), one) << "arguments tell no subjects";
  const std::string link = folder_ / "link";
  std::filesystem::create_symlink(target_, link);
  EXPECT_NE(lineage_of(run(link, {"target"})), one) << "another name";
  const std::string copy = folder_ / "copy";
  std::filesystem::copy_file(target_, copy);
  EXPECT_NE(lineage_of(run(copy, {"target"})), one) << "another file";
}

TEST_F(LineageTest, HangsOnTheAncestors) {
  const __u64 one = lineage_of(run(target_, {"target"}));
  const Acted shell = run(kShell, {"sh", "-c", target_ + "; " + target_ + "; true"});
  const Records execs = select(seen(), EVENT_exec);
  Records below;
  __u64 of_shell = 0;
  for (const Record& record : execs) {
    if (record.header.tgid == shell.tgid)
      of_shell = record.header.lineage;
    else
      below.push_back(record);
  }
  ASSERT_EQ(below.size(), 2U);
  EXPECT_NE(below[0].header.lineage, one);
  EXPECT_EQ(below[0].header.lineage, below[1].header.lineage);
  for (const Record& record : below) {
    const auto payload = record.payload<exec_payload>();
    EXPECT_EQ(payload.ancestor, of_shell);
    EXPECT_EQ(payload.flags & EXEC_FROM_OWN, 0U);
  }
}

TEST_F(LineageTest, OfAForkIsTheParents) {
  const Acted parent = in_child([] {
    if (fork() == 0) _exit(0);
    return wait(nullptr) > 0 ? 0 : 1;
  });
  const Records records = seen();
  const Records forks = select(records, EVENT_fork, parent.tgid);
  ASSERT_EQ(forks.size(), 1U);
  EXPECT_NE(forks[0].header.lineage, 0U);
  const auto child = forks[0].payload<fork_payload>().child_tgid;
  const Records ends = select(records, EVENT_exit, child);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].header.lineage, forks[0].header.lineage);
  EXPECT_EQ(select(records, EVENT_exit, parent.tgid).at(0).header.lineage, forks[0].header.lineage);
}

TEST_F(LineageTest, AnExecInAnExecDescendsFromTheSameAncestor) {
  const Acted twice = run(kShell, {"sh", "-c", "exec " + target_});
  const Records execs = select(seen(), EVENT_exec, twice.tgid);
  ASSERT_EQ(execs.size(), 2U);
  EXPECT_NE(execs[0].header.lineage, execs[1].header.lineage);
  EXPECT_EQ(execs[0].payload<exec_payload>().ancestor, execs[1].payload<exec_payload>().ancestor);
}

TEST_F(LineageTest, ALongNameMakesALineageForEachExec) {
  std::string shell = "/bin/";
  for (int i = 0; i < 80; ++i) shell += "./";
  shell += "sh";
  const Acted twice = run(shell, {"sh", "-c", "exec " + shell + " -c true"});
  const Records execs = select(seen(), EVENT_exec, twice.tgid);
  ASSERT_EQ(execs.size(), 2U);
  EXPECT_EQ(execs[0].payload<exec_payload>().exe.inode, execs[1].payload<exec_payload>().exe.inode);
  EXPECT_EQ(execs[0].payload<exec_payload>().ancestor, execs[1].payload<exec_payload>().ancestor);
  EXPECT_NE(execs[0].header.lineage, execs[1].header.lineage);
}

TEST_F(LineageTest, WhatComesFromElsewhereHeadsATreeAndItsCommandCounts) {
  const Cgroup place("lineage-enter");
  const auto enter = [&] { place.enter(); };
  const Record host = exec_of(run(target_, {"target", "a"}));
  const Record one = exec_of(run(target_, {"target", "a"}, enter));
  const auto payload = one.payload<exec_payload>();
  EXPECT_NE(payload.flags & EXEC_FROM_OWN, 0U);
  EXPECT_NE(payload.flags & EXEC_TOP, 0U);
  EXPECT_EQ(host.payload<exec_payload>().flags & EXEC_TOP, 0U);
  EXPECT_EQ(payload.ancestor, host.payload<exec_payload>().ancestor) << "what it was: our fork";
  EXPECT_EQ(one.header.cgroup_id, place.id());
  EXPECT_EQ(one.header.tree_tgid, one.header.tgid);
  EXPECT_EQ(one.header.tree_start_boot_ns, one.header.start_boot_ns);
  EXPECT_EQ(one.header.flags & EVENT_MOVED, 0U);
  EXPECT_NE(one.header.lineage, host.header.lineage);
  EXPECT_EQ(lineage_of(run(target_, {"target", "a"}, enter)), one.header.lineage);
  EXPECT_NE(lineage_of(run(target_, {"target", "b"}, enter)), one.header.lineage);
  const std::string much(1000, 'x');
  const __u64 alone = lineage_of(run(target_, {"target", much}, enter));
  EXPECT_NE(lineage_of(run(target_, {"target", much}, enter)), alone) << "too long to compare";
}

TEST_F(LineageTest, TheFirstOfAContainerIsNobodyWhoEntersLater) {
  const Cgroup place("lineage-first");
  const auto enter = [&] {
    place.enter();
    if (unshare(CLONE_NEWNS) != 0) _exit(99);
  };
  const __u64 first = lineage_of(run(target_, {"target"}, enter));
  const __u64 second = lineage_of(run(target_, {"target"}, enter));
  EXPECT_NE(first, second);
  EXPECT_EQ(lineage_of(run(target_, {"target"}, enter)), second);
}

TEST_F(LineageTest, TheFirstOnesChildrenBeginTreesAndThoseOfASessionDoNot) {
  const Cgroup place("lineage-tree");
  const auto enter = [&] {
    place.enter();
    if (unshare(CLONE_NEWNS) != 0) _exit(99);
  };
  // The shell below the shell makes the grandchildren.
  const std::string script = "sh -c '" + target_ + "; true'; true";
  for (const bool is_first : {true, false}) {
    const Acted top = run(kShell, {"sh", "-c", script}, enter);
    const Records execs = select(seen(), EVENT_exec);
    ASSERT_EQ(execs.size(), 3U);
    EXPECT_EQ(execs[0].header.tree_tgid, top.tgid);
    EXPECT_EQ(execs[1].header.tree_tgid, is_first ? execs[1].header.tgid : top.tgid);
    EXPECT_EQ(execs[2].header.tree_tgid, is_first ? execs[1].header.tgid : top.tgid);
  }
}

TEST_F(LineageTest, AProcessThatWasMovedSaysSo) {
  const Cgroup place("lineage-moved");
  const Acted parent = in_child([&] {
    place.enter();
    if (fork() == 0) _exit(0);
    return wait(nullptr) > 0 ? 0 : 1;
  });
  const Records forks = select(seen(), EVENT_fork, parent.tgid);
  ASSERT_EQ(forks.size(), 1U);
  EXPECT_EQ(forks[0].header.cgroup_id, place.id());
  EXPECT_NE(forks[0].header.flags & EVENT_MOVED, 0U);
}

TEST_F(LineageTest, WhatIsKnownOfALineageStaysInTheKernel) {
  const Acted before = run(target_, {"target"});
  const Records records = seen();
  std::vector<std::pair<KnownTable::Place, std::uint64_t>> verdicts;
  const auto know = [&](const Record& record) {
    const behaviour one = behaviour_of(record);
    const std::uint64_t key = sensor_.known().key_of(one);
    verdicts.emplace_back(sensor_.known().insert(key).place, key);
  };
  const auto self = static_cast<std::uint32_t>(getpid());
  know(select(records, EVENT_exec, before.tgid).at(0));
  know(select(records, EVENT_fork, self).at(0));
  know(select(records, EVENT_exit, before.tgid).at(0));
  constexpr std::uint64_t kRuns = 7;
  for (std::uint64_t i = 0; i < kRuns; ++i) run(target_, {"target"});
  EXPECT_TRUE(select(seen(), EVENT_exec).empty());
  for (const auto& [place, key] : verdicts)
    EXPECT_EQ(sensor_.known().harvest(place, key).hits, kRuns);

  // The end of a process that user space heard of is sent: it waits for it.
  const std::string copy = folder_ / "copy";
  std::filesystem::copy_file(target_, copy);
  const Acted novel = run(copy, {"copy"});
  const Records heard = seen();
  EXPECT_TRUE(select(heard, EVENT_fork, self).empty());
  EXPECT_EQ(select(heard, EVENT_exec, novel.tgid).size(), 1U);
  EXPECT_EQ(select(heard, EVENT_exit, novel.tgid).size(), 1U);
}

/// A child by that number, which runs the target once the gate's writing end is closed.
pid_t fork_as(pid_t number, const int (&gate)[2]) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<__u64>(&number);
  arguments.set_tid_size = 1;
  const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child != 0) return static_cast<pid_t>(child);
  close(gate[1]);
  char byte = 0;
  if (read(gate[0], &byte, 1) != 0) _exit(1);
  execl(exec_target().c_str(), "target", nullptr);
  _exit(1);
}

TEST_F(LineageTest, AProcessThatLostItsRoomIsSent) {
  std::ofstream("/proc/sys/kernel/pid_max") << 4 * kBuckets * 16;
  run(target_, {"target"});
  for (const Record& record : seen()) {
    sensor_.known().insert(sensor_.known().key_of(behaviour_of(record)));
  }
  run(target_, {"target"});
  ASSERT_TRUE(select(seen(), EVENT_exec).empty()) << "it is known";
  // Three that live and want the same two places.
  int gate[2];
  ASSERT_EQ(pipe2(gate, O_CLOEXEC), 0);
  std::vector<pid_t> children;
  for (pid_t i = 1; i <= 3; ++i) {
    children.push_back(fork_as(static_cast<pid_t>(kBuckets) * (i * 4) + 5000, gate));
    ASSERT_GT(children.back(), 0) << "a number of our choice";
  }
  close(gate[1]);
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  close(gate[0]);
  const Records execs = select(seen(), EVENT_exec);
  ASSERT_FALSE(execs.empty()) << "at least the one that was pushed out";
  for (const Record& record : execs) EXPECT_NE(record.header.lineage, 0U);
}

}  // namespace
}  // namespace idtrail::test
