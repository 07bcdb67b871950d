// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

constexpr std::uint16_t kAttempt = PRIVILEGE_RESULT_UNKNOWN;

/// A file system's type as the two arguments hold it.
Use of_type(const char* type, Use use) {
  char text[16] = {};
  std::strncpy(text, type, sizeof(text) - 1);
  std::memcpy(&use.first, text, sizeof(use.first));
  std::memcpy(&use.second, text + sizeof(use.first), sizeof(use.second));
  return use;
}

class MountingTest : public ProbeTest {
 protected:
  MountingTest() { std::filesystem::create_directories(place_); }
  Folder folder_;
  std::string place_ = folder_ / "place";
};

TEST_F(MountingTest, TellsANewMountAndItsEnd) {
  const Used used = privilege_in_child(EVENT_mounting, [&] {
    return mount("source", place_.c_str(), "tmpfs", MS_NOSUID, "") == 0 &&
                   umount2(place_.c_str(), MNT_DETACH) == 0
               ? 0
               : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(
          of_type("tmpfs", {.op = MOUNTING_MOUNT, .flags = MS_NOSUID, .name = "place"}),
          of_type(
              "tmpfs",
              {.op = MOUNTING_UNMOUNT, .flags = MNT_DETACH, .name = "place", .marks = kAttempt})));
}

TEST_F(MountingTest, TellsTheSamePlaceWhereSomethingIsMountedAlready) {
  const Tmpfs volume(place_);
  const Used used = privilege_in_child(EVENT_mounting, [&] {
    return mount("", place_.c_str(), "a secret of the caller", MS_REMOUNT | MS_RDONLY, "");
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(Use{.op = MOUNTING_MOUNT, .flags = MS_REMOUNT | MS_RDONLY, .name = "place"}));
}

TEST_F(MountingTest, TellsThatAMountIsRefused) {
  const Used used = privilege_in_child(EVENT_mounting, [&] {
    if (setuid(65534) != 0) return 2;
    return mount("", place_.c_str(), "tmpfs", 0, "") == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(Use{.op = MOUNTING_MOUNT, .result = -EPERM, .name = "place", .uid = 65534}));
}

TEST_F(MountingTest, TellsAMountThatIsMovedIntoPlace) {
  const Used used = privilege_in_child(EVENT_mounting, [&] {
    if (unshare(CLONE_NEWNS) != 0) return 3;
    const int tree = open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE);
    if (tree < 0) return 2;
    const int moved = move_mount(tree, "", AT_FDCWD, place_.c_str(), MOVE_MOUNT_F_EMPTY_PATH);
    return moved == 0 ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(of_type("proc", {.op = MOUNTING_MOVE, .name = "place", .marks = kAttempt})));
}

TEST_F(MountingTest, LeavesAnUnmountWithoutRightToTheCapability) {
  const Tmpfs volume(place_);
  const Used used = privilege_in_child(EVENT_mounting, [&] {
    if (setuid(65534) != 0) return 2;
    return umount(place_.c_str()) == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_TRUE(used.uses.empty());
}

}  // namespace
}  // namespace idtrail::test
