// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

constexpr char kModprobe[] = "/usr/sbin/modprobe";
constexpr int kRetiredFamily = 19;  // AF_ECONET: no module has it

using ModuleTest = ProbeTest;

TEST_F(ModuleTest, TellsWhichOneIsLoaded) {
  ASSERT_EQ(run(kModprobe, {"modprobe", "-r", "dummy"}).status, 0) << "a guest has its modules";
  drain(shared_sensor());
  const Acted child = run(kModprobe, {"modprobe", "dummy"});
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_module, child.tgid);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_module, child);
  EXPECT_EQ(use_of(records[0].payload<privilege_payload>()),
            (Use{.op = MODULE_LOAD, .name = "dummy"}));
  run(kModprobe, {"modprobe", "-r", "dummy"});
}

TEST_F(ModuleTest, TellsTheFileOfOneThatIsRefused) {
  const Folder folder;
  write_file(folder / "rootkit.ko", std::string(4096, 'x'));
  const Used used = privilege_in_child(EVENT_module, [&] {
    const int file = open((folder / "rootkit.ko").c_str(), O_RDONLY);
    return syscall(SYS_finit_module, file, "", 0) == -1 && errno == ENOEXEC ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{.op = MODULE_LOAD, .result = -ENOEXEC, .name = "rootkit.ko"}));
}

TEST_F(ModuleTest, TellsARefusalOfAModuleWithoutFile) {
  const Used used = privilege_in_child(EVENT_module, [] {
    const std::string image(4096, 'x');
    return syscall(SYS_init_module, image.data(), image.size(), "") == -1 && errno == ENOEXEC ? 0
                                                                                              : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used), ElementsAre(Use{.op = MODULE_LOAD, .result = -ENOEXEC}));
}

TEST_F(ModuleTest, TellsWhoMakesTheKernelAskForOne) {
  const Used used = privilege_in_child(EVENT_module, [] {
    return socket(kRetiredFamily, SOCK_DGRAM, 0) == -1 && errno == EAFNOSUPPORT ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{
                  .op = MODULE_REQUEST, .name = "net-pf-19", .marks = PRIVILEGE_RESULT_UNKNOWN}));
}

TEST_F(ModuleTest, LeavesAMissingRightToTheCapability) {
  const Used used = privilege_in_child(EVENT_module, [] {
    if (setuid(65534) != 0) return 2;
    return syscall(SYS_init_module, "", 0, "") == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_TRUE(used.uses.empty());
}

}  // namespace
}  // namespace idtrail::test
