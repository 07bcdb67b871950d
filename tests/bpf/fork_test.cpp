// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

using ForkTest = ProbeTest;

TEST_F(ForkTest, TellsParentAndChild) {
  const Acted parent = in_child([] {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return 0;
  });
  const Records records = seen();
  const Records forks = select(records, EVENT_fork, parent.tgid);
  ASSERT_EQ(forks.size(), 1U);
  expect_header(forks[0], EVENT_fork, parent);
  ASSERT_EQ(forks[0].body.size(), sizeof(fork_payload));
  const auto payload = forks[0].payload<fork_payload>();
  const Records exits = select(records, EVENT_exit, payload.child_tgid);
  ASSERT_EQ(exits.size(), 1U) << "the child that was told is the one that ended";
  EXPECT_EQ(payload.child_start_boot_ns, exits[0].header.start_boot_ns);
  EXPECT_GT(payload.child_start_boot_ns, forks[0].header.start_boot_ns);
  EXPECT_LE(payload.child_start_boot_ns, forks[0].header.boot_ns);
  EXPECT_EQ(payload.child_cgroup_id, forks[0].header.cgroup_id);
  EXPECT_EQ(payload.reserved, 0U);
}

TEST_F(ForkTest, IsSilentOnThreads) {
  const Acted child = in_child([] {
    std::thread([] {}).join();
    return 0;
  });
  EXPECT_TRUE(select(seen(), EVENT_fork, child.tgid).empty());
}

TEST_F(ForkTest, IsSilentWhereNoProcessWasMade) {
  const Acted child = in_child([] {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_NPROC, &none);
    if (setuid(12345) != 0) return 1;
    return fork() == -1 ? 0 : 2;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_fork, child.tgid).empty());
}

TEST_F(ForkTest, TellsTheCgroupThatTheChildWasClonedInto) {
  const bool hybrid = !shared_sensor().hierarchy().controller.empty();
  const std::string other =
      (hybrid ? "/sys/fs/cgroup/unified" : cgroup_root()) + "/bpf-tests-other";
  ASSERT_EQ(mkdir(other.c_str(), 0755), 0);
  const Acted parent = in_child([&] {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<__u64>(open(other.c_str(), O_RDONLY | O_DIRECTORY));
    const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (child == 0) _exit(0);
    return waitpid(static_cast<pid_t>(child), nullptr, 0) == child ? 0 : 1;
  });
  EXPECT_EQ(parent.status, 0);
  const Records forks = select(seen(), EVENT_fork, parent.tgid);
  ASSERT_EQ(forks.size(), 1U);
  const auto payload = forks[0].payload<fork_payload>();
  // Only the unified hierarchy can be cloned into; where that names no container, nothing changes.
  EXPECT_EQ(payload.child_cgroup_id, hybrid ? forks[0].header.cgroup_id : inode_of(other));
  EXPECT_EQ(rmdir(other.c_str()), 0);
}

}  // namespace
}  // namespace idtrail::test
