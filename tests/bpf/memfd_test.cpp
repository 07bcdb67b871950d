// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

constexpr char kFileMax[] = "/proc/sys/fs/file-max";

using MemfdTest = ProbeTest;

TEST_F(MemfdTest, TellsTheNameAndTheFile) {
  const Shared<struct stat> file;
  const Used used = privilege_in_child(
      EVENT_memfd, [&] { return fstat(memfd_create("payload", MFD_CLOEXEC), &*file); });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used), ElementsAre(Use{.op = MEMFD_CREATE,
                                             .first = (*file).st_ino,
                                             .second = kernel_device((*file).st_dev),
                                             .name = "payload"}));
}

TEST_F(MemfdTest, CutsALongNameAtItsEnd) {
  const Used used = privilege_in_child(
      EVENT_memfd, [] { return memfd_create(std::string(200, 'n').c_str(), 0) >= 0 ? 0 : 1; });
  EXPECT_EQ(used.child.status, 0);
  ASSERT_EQ(used.uses.size(), 1U);
  EXPECT_EQ(use_of(used.uses[0]).name, std::string(EVENT_NAME_MAX - 1, 'n'));
}

TEST_F(MemfdTest, TellsThatTheKernelHasNoFileForIt) {
  std::string before;
  std::ifstream(kFileMax) >> before;
  const Used used = privilege_in_child(EVENT_memfd, [] {
    std::ofstream(kFileMax) << "1" << std::flush;
    if (setuid(65534) != 0) return 2;  // root may have more
    return memfd_create("payload", 0) == -1 && errno == ENFILE ? 0 : 1;
  });
  std::ofstream(kFileMax) << before << std::flush;
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(Use{.op = MEMFD_CREATE, .result = -ENFILE, .name = "payload", .uid = 65534}));
}

TEST_F(MemfdTest, TellsTheAttemptForHugePages) {
  const Used used = privilege_in_child(EVENT_memfd, [] {
    memfd_create("huge", MFD_HUGETLB);
    return 0;
  });
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(Use{.op = MEMFD_CREATE, .name = "huge", .marks = PRIVILEGE_RESULT_UNKNOWN}));
}

TEST_F(MemfdTest, IsSilentAboutOtherMemory) {
  const Used used = privilege_in_child(EVENT_memfd, [] {
    void* place = mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return place != MAP_FAILED ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_TRUE(used.uses.empty());
}

}  // namespace
}  // namespace idtrail::test
