// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>

#include "agent/sources/file.h"
#include "agent/sources/mountinfo.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

TEST(MountInfo, ReadsALineWithOptionalFields) {
  const auto mount = parse_mount(
      "1091 30 0:118 / /var/lib/kubelet/pods/u/volumes/kubernetes.io~secret/s rw,relatime "
      "shared:551 master:3 - tmpfs tmpfs rw,size=131072k");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->id, 1091U);
  EXPECT_EQ(mount->device, 118U);
  EXPECT_EQ(mount->root, "/");
  EXPECT_EQ(mount->point, "/var/lib/kubelet/pods/u/volumes/kubernetes.io~secret/s");
  EXPECT_EQ(mount->fs_type, "tmpfs");
}

TEST(MountInfo, ReadsALineWithoutOptionalFields) {
  const auto mount = parse_mount("25 1 254:1 / / rw - ext4 /dev/vda1 rw");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->device, (254U << 20U) | 1U);
}

TEST(MountInfo, UndoesTheKernelsEscapes) {
  const auto mount = parse_mount(R"(1 2 0:5 / /a\040b\134c\011d\012e rw - tmpfs x rw)");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->point, "/a b\\c\td\ne");
}

TEST(MountInfo, LeavesABackslashThatIsNoEscape) {
  const auto mount = parse_mount(R"(1 2 0:5 / /a\9b\04 rw - tmpfs x rw)");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->point, R"(/a\9b\04)");
}

class WrongMount : public testing::TestWithParam<const char*> {};
TEST_P(WrongMount, IsRefused) { EXPECT_FALSE(parse_mount(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Rows, WrongMount,
                         testing::Values("", "1", "1 2", "x 2 0:5 / /a rw - tmpfs t rw",
                                         "1 2 05 / /a rw - tmpfs t rw",
                                         "1 2 0:x / /a rw - tmpfs t rw",
                                         "1 2 0:5 / /a rw shared:1 tmpfs t rw", "1 2 0:5 / /a rw -",
                                         "1 2 0:5 / a rw - tmpfs t rw",
                                         "1 2 99999999999:5 / /a rw - tmpfs t rw"));

TEST(MountInfo, GivesMemoryFileSystemsAndCountsWhatItCannotRead) {
  const TestDir dir;
  dir.write("mountinfo",
            "1 2 0:5 / /a rw - tmpfs t rw\n"
            "2 2 0:6 / /b rw - ext4 t rw\n"
            "broken\n" +
                std::string(20'000, 'x') +
                "\n"
                "3 2 0:7 / /c rw - ramfs t rw\n");
  const Fd file(open((dir / "mountinfo").c_str(), O_RDONLY | O_CLOEXEC));
  std::string points;
  const auto table = read_mounts(file.get(), [&](const Mount& mount) { points += mount.point; });
  EXPECT_TRUE(table.complete);
  EXPECT_EQ(table.refused, 2U);
  EXPECT_EQ(points, "/a/c");
}

}  // namespace
}  // namespace idtrail
