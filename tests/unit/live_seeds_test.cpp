// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sources/cgroups.h"
#include "agent/sources/seeds.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

std::uint64_t inode(const std::filesystem::path& path) {
  struct stat meta {};
  stat(path.c_str(), &meta);
  return meta.st_ino;
}

TEST(Seeds, ListCgroupsParentsFirst) {
  const TestDir dir;
  std::filesystem::create_directories(dir / "cg/kubepods.slice/pod1/abc");
  const auto seeds = take_seeds({.proc = dir.path(), .cgroups = {.root = dir / "cg"}});
  ASSERT_EQ(seeds.cgroups.size(), 4U);
  EXPECT_EQ(seeds.cgroups[0].path(), "/");
  EXPECT_EQ(seeds.cgroups[3].path(), "/kubepods.slice/pod1/abc");
  EXPECT_EQ(seeds.cgroups[3].id(), inode(dir / "cg/kubepods.slice/pod1/abc"));
  EXPECT_EQ(seeds.cgroups[3].parent_id(), inode(dir / "cg/kubepods.slice/pod1"));
}

TEST(Seeds, FindOneCgroupWithItsAncestors) {
  const TestDir dir;
  std::filesystem::create_directories(dir / "a/b");
  std::filesystem::create_directories(dir / "a/c");
  const auto line = find_cgroup(dir.path(), inode(dir / "a/b"));
  ASSERT_EQ(line.size(), 3U);
  EXPECT_EQ(line[0].path(), "/");
  EXPECT_EQ(line[2].path(), "/a/b");
  EXPECT_TRUE(find_cgroup(dir.path(), 1).empty());
}

TEST(Seeds, ReadAProcessWhoseNameHoldsAParenthesis) {
  const TestDir dir;
  std::filesystem::create_directories(dir / "cg/pod");
  const auto stat_line = [](const char* id, const char* parent, const char* start) {
    return std::string(id) + " (a) S 1 (x) S " + parent +
           " 1 1 34816 1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + start + " 100 1\n";
  };
  dir.write("proc/20/stat", stat_line("20", "10", "700"));
  dir.write("proc/20/cgroup", "0::/pod\n");
  dir.write("proc/10/stat", stat_line("10", "1", "600"));
  const auto seeds = take_seeds({.proc = dir / "proc", .cgroups = {.root = dir / "cg"}});
  ASSERT_EQ(seeds.processes.size(), 2U);
  EXPECT_EQ(seeds.processes[0].tgid(), 10U);
  const auto& child = seeds.processes[1];
  EXPECT_EQ(child.tgid(), 20U);
  EXPECT_EQ(child.parent_tgid(), 10U);
  EXPECT_TRUE(child.tty());
  EXPECT_EQ(child.start_boot_ns(), 7'000'000'000U);
  EXPECT_EQ(child.cgroup_id(), inode(dir / "cg/pod"));
}

TEST(Seeds, ReadTheCgroupOfTheHierarchyThatNamesContainers) {
  const TestDir dir;
  std::filesystem::create_directories(dir / "memory/pod");
  dir.write("proc/20/stat", "20 (a) S 1 1 1 0 1 0 0 0 0 0 0 0 0 0 20 0 1 0 700 100 1\n");
  dir.write("proc/20/cgroup", "12:pids:/other\n2:memory:/pod\n1:name=systemd:/x\n0::/y\n");
  const auto seeds = take_seeds(
      {.proc = dir / "proc", .cgroups = {.controller = "memory", .id = 2, .root = dir / "memory"}});
  ASSERT_EQ(seeds.processes.size(), 1U);
  EXPECT_EQ(seeds.processes[0].cgroup_id(), inode(dir / "memory/pod"));
}

TEST(Seeds, KnowThisVeryProcess) {
  const auto seeds = take_seeds({});
  const auto self = std::find_if(
      seeds.processes.begin(), seeds.processes.end(),
      [](const auto& process) { return process.tgid() == static_cast<std::uint32_t>(getpid()); });
  ASSERT_NE(self, seeds.processes.end());
  EXPECT_EQ(self->parent_tgid(), static_cast<std::uint32_t>(getppid()));
  EXPECT_EQ(self->executable(), std::filesystem::read_symlink("/proc/self/exe").string());
  EXPECT_NE(self->exe_inode(), 0U);
}

}  // namespace
}  // namespace idtrail
