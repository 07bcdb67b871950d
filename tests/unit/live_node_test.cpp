// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>

#include "core/node/checks.h"
#include "core/node/hierarchy.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

v1::Check named(const std::vector<v1::Check>& checks, const std::string& name) {
  const auto found = std::find_if(checks.begin(), checks.end(),
                                  [&](const auto& check) { return check.name() == name; });
  return found == checks.end() ? v1::Check() : *found;
}

TEST(Node, SaysWhatIsMissingAndWhatToDoAboutIt) {
  const TestDir dir;
  const auto checks = check_node({.proc = dir / "proc",
                                  .sys = dir / "sys",
                                  .cgroup_root = dir / "cgroup",
                                  .containerd_socket = dir / "containerd.sock",
                                  .kubelet_root = dir / "kubelet",
                                  .ask_bpf = false});
  for (const char* name : {"btf", "capabilities", "cgroup", "bpffs", "container-runtime"}) {
    const auto check = named(checks, name);
    EXPECT_NE(check.state(), "ok") << name;
    EXPECT_FALSE(check.fix().empty()) << name;
  }
  EXPECT_EQ(worst_state(checks), "failed");
}

TEST(Node, FindsWhatIsThere) {
  const TestDir dir;
  dir.write("sys/kernel/btf/vmlinux", "btf");
  dir.write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  dir.write("proc/sys/kernel/unprivileged_bpf_disabled", "2\n");
  dir.write("proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
  const auto checks = check_node({.proc = dir / "proc", .sys = dir / "sys", .ask_bpf = false});
  for (const char* name : {"kernel", "btf", "capabilities", "lockdown", "unprivileged-bpf"}) {
    EXPECT_EQ(named(checks, name).state(), "ok") << name << ": " << named(checks, name).detail();
  }
}

TEST(Node, TakesTheHierarchyThatNamesContainers) {
  const TestDir dir;
  std::filesystem::create_directories(dir / "cg/memory");
  std::filesystem::create_directories(dir / "cg/pids");
  const char* head = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t9\t1\t1\n";
  dir.write("proc/cgroups", std::string(head) + "pids\t3\t1\t1\nmemory\t2\t80\t1\n");
  const auto by_memory = find_hierarchy(dir / "proc", dir / "cg");
  ASSERT_TRUE(by_memory);
  EXPECT_EQ(by_memory->controller, "memory");
  EXPECT_EQ(by_memory->id, 2U);
  EXPECT_EQ(by_memory->root, dir / "cg/memory");

  dir.write("proc/cgroups", std::string(head) + "pids\t3\t1\t1\nmemory\t0\t80\t1\n");
  const auto by_pids = find_hierarchy(dir / "proc", dir / "cg");
  ASSERT_TRUE(by_pids);
  EXPECT_EQ(by_pids->controller, "pids");
  EXPECT_EQ(by_pids->id, 3U);

  dir.write("proc/cgroups", std::string(head) + "pids\t0\t1\t1\nmemory\t0\t80\t1\n");
  const auto none = find_hierarchy(dir / "proc", dir / "cg");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kUnsupported);
  EXPECT_NE(none.error().message.find(dir / "cg"), std::string::npos);
}

TEST(Node, FailsUnderConfidentialityLockdown) {
  const TestDir dir;
  dir.write("sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
  const auto checks = check_node({.proc = dir / "proc", .sys = dir / "sys", .ask_bpf = false});
  EXPECT_EQ(named(checks, "lockdown").state(), "failed");
}

}  // namespace
}  // namespace idtrail
