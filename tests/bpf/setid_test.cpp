// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gmock/gmock.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

constexpr std::uint32_t kBySetid = 1;  // the kernel's LSM_SETID_*
constexpr std::uint32_t kByRe = 2;
constexpr std::uint32_t kByRes = 4;
constexpr std::uint32_t kByFs = 8;
constexpr std::uint64_t pair(std::uint64_t real, std::uint64_t effective) {
  return real << 32U | effective;
}

using SetidTest = ProbeTest;

TEST_F(SetidTest, TellsBothIdsThatAProcessGivesUp) {
  const Used used = privilege_in_child(
      EVENT_setid, [] { return setgid(2000) == 0 && setuid(1000) == 0 ? 0 : 1; });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{.op = SETID_GROUP, .flags = kBySetid, .second = pair(2000, 2000)},
                          Use{.op = SETID_USER, .flags = kBySetid, .second = pair(1000, 1000)}));
}

TEST_F(SetidTest, TellsRealAndEffectiveApart) {
  const Used used = privilege_in_child(
      EVENT_setid, [] { return setresuid(1000, 1001, 0) == 0 && setreuid(1001, 0) == 0 ? 0 : 1; });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{.op = SETID_USER, .flags = kByRes, .second = pair(1000, 1001)},
                          Use{.op = SETID_USER,
                              .flags = kByRe,
                              .first = pair(1000, 1001),
                              .second = pair(1001, 0),
                              .uid = 1001}));
}

TEST_F(SetidTest, TellsTheIdsOfTheFileSystem) {
  const Used used = privilege_in_child(EVENT_setid, [] {
    setfsuid(1002);
    return setfsgid(2002);
  });
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{.op = SETID_FS_USER, .flags = kByFs, .second = 1002},
                          Use{.op = SETID_FS_GROUP, .flags = kByFs, .second = 2002}));
}

TEST_F(SetidTest, IsSilentWhereNothingChanges) {
  const Used used = privilege_in_child(EVENT_setid, [] {
    setfsuid(0);
    return setuid(0) + setgid(0) + setresuid(0, 0, 0) + setreuid(0, 0);
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_TRUE(used.uses.empty());
}

TEST_F(SetidTest, LeavesWhatTheKernelRefusesToTheCapabilityThatIsMissing) {
  const Used used = privilege_in_child(EVENT_setid, [] {
    if (setuid(1000) != 0) return 2;
    return setuid(0) == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_EQ(used.uses.size(), 1U);
}

}  // namespace
}  // namespace idtrail::test
