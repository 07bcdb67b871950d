// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gmock/gmock.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

constexpr std::uint32_t kTooMany = 1U << 20U;

using IoUringTest = ProbeTest;

long set_up(std::uint32_t entries, std::uint32_t flags) {
  io_uring_params params{};
  params.flags = flags;
  return syscall(SYS_io_uring_setup, entries, &params);
}

TEST_F(IoUringTest, TellsEntriesAndFlags) {
  const Used used =
      privilege_in_child(EVENT_io_uring, [] { return set_up(3, IORING_SETUP_CLAMP) >= 0 ? 0 : 1; });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(Use{.op = IO_URING_SETUP, .flags = IORING_SETUP_CLAMP, .first = 4, .second = 8}));
}

TEST_F(IoUringTest, TellsARefusal) {
  const Used used = privilege_in_child(
      EVENT_io_uring, [] { return set_up(kTooMany, 0) == -1 && errno == EINVAL ? 0 : 1; });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used),
              ElementsAre(Use{.op = IO_URING_SETUP, .result = -EINVAL, .first = kTooMany}));
}

}  // namespace
}  // namespace idtrail::test
