// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

using NamespaceTest = ProbeTest;

TEST_F(NamespaceTest, TellsWhatIsUnshared) {
  const Used used = privilege_in_child(
      EVENT_namespace, [] { return unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_FS); });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{.op = NAMESPACE_UNSHARE, .flags = CLONE_NEWUTS | CLONE_NEWIPC}));
}

TEST_F(NamespaceTest, TellsThatUnsharingIsRefused) {
  const Used used = privilege_in_child(EVENT_namespace, [] {
    if (setuid(65534) != 0) return 2;
    return unshare(CLONE_NEWNS) == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{
                  .op = NAMESPACE_UNSHARE, .result = -EPERM, .flags = CLONE_NEWNS, .uid = 65534}));
}

TEST_F(NamespaceTest, IsSilentWhereNoNamespaceIsUnshared) {
  EXPECT_TRUE(
      privilege_in_child(EVENT_namespace, [] { return unshare(CLONE_FILES); }).uses.empty());
}

/// Rows: a type of namespace and its file.
struct Type {
  const char* name;
  std::uint32_t flag;
};
class NamespaceTypeTest : public NamespaceTest, public testing::WithParamInterface<Type> {};

TEST_P(NamespaceTypeTest, TellsWhichOneIsEntered) {
  const std::string file = std::string("/proc/self/ns/") + GetParam().name;
  const Used used = privilege_in_child(EVENT_namespace, [&] {
    const int ns = open(file.c_str(), O_RDONLY);
    return setns(ns, 0);
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(Use{.op = NAMESPACE_ENTER, .flags = GetParam().flag, .first = inode_of(file)}));
}

TEST_P(NamespaceTypeTest, TellsThatEnteringIsRefused) {
  const std::string file = std::string("/proc/self/ns/") + GetParam().name;
  const Used used = privilege_in_child(EVENT_namespace, [&] {
    const int ns = open(file.c_str(), O_RDONLY);
    if (setuid(65534) != 0) return 2;
    return setns(ns, 0) == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used), ElementsAre(Use{.op = NAMESPACE_ENTER,
                                             .result = -EPERM,
                                             .flags = GetParam().flag,
                                             .first = inode_of(file),
                                             .uid = 65534}));
}

INSTANTIATE_TEST_SUITE_P(Types, NamespaceTypeTest,
                         testing::Values(Type{"mnt", CLONE_NEWNS}, Type{"cgroup", CLONE_NEWCGROUP},
                                         Type{"uts", CLONE_NEWUTS}, Type{"ipc", CLONE_NEWIPC},
                                         Type{"pid", CLONE_NEWPID}, Type{"net", CLONE_NEWNET}),
                         [](const auto& row) { return std::string(row.param.name); });

// Nobody may enter the one that he is in.
TEST_F(NamespaceTest, TellsAUserNamespace) {
  const Used used = privilege_in_child(EVENT_namespace, [] {
    const int ns = open("/proc/self/ns/user", O_RDONLY);
    return setns(ns, 0) == -1 && errno == EINVAL ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used), ElementsAre(Use{.op = NAMESPACE_ENTER,
                                             .result = -EINVAL,
                                             .flags = CLONE_NEWUSER,
                                             .first = inode_of("/proc/self/ns/user")}));
}

TEST_F(NamespaceTest, TellsThoseThatAChildIsBornInto) {
  const Used used = privilege_in_child(EVENT_namespace, [] {
    const long child = syscall(SYS_clone, CLONE_NEWUTS | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    return waitpid(static_cast<pid_t>(child), nullptr, 0) == child ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{.op = NAMESPACE_CLONE, .flags = CLONE_NEWUTS | CLONE_NEWNET}));
}

}  // namespace
}  // namespace idtrail::test
