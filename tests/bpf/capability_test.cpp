// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <fstream>
#include <memory>

#include <gmock/gmock.h>
#include <linux/capability.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

/// With a sensor of its own, which has seen nothing yet.
class CapabilityTest : public testing::Test {
 protected:
  void SetUp() override {
    SensorOptions options;
    options.only = {"capability"};
    auto sensor = Sensor::open(options);
    ASSERT_TRUE(sensor) << sensor.error().message;
    sensor_ = std::make_unique<Sensor>(std::move(*sensor));
  }
  /// The checks of one capability that a child met.
  std::vector<Use> checks(std::uint64_t capability, const std::function<int()>& act) {
    drain(*sensor_);
    const Acted child = in_child(act);
    EXPECT_EQ(child.status, 0);
    std::vector<Use> met;
    for (const Use& use : uses_of(privileges(drain(*sensor_), EVENT_capability, child))) {
      if (use.first == capability) met.push_back(use);
    }
    return met;
  }

  const std::uint64_t user_ns_ = inode_of("/proc/self/ns/user");
  std::unique_ptr<Sensor> sensor_;
};

TEST_F(CapabilityTest, TellsOneThatIsGrantedOnce) {
  const auto use = [] { return chroot("/") == 0 && chroot("/") == 0 ? 0 : 1; };
  EXPECT_THAT(
      checks(CAP_SYS_CHROOT, use),
      ElementsAre(Use{.op = CAPABILITY_CHECK, .first = CAP_SYS_CHROOT, .second = user_ns_}));
  EXPECT_TRUE(checks(CAP_SYS_CHROOT, use).empty()) << "another process, the same behaviour";
}

TEST_F(CapabilityTest, TellsOneThatIsDeniedThoughItWasGrantedBefore) {
  const auto use = [] {
    if (chroot("/") != 0 || setuid(65534) != 0) return 2;
    return chroot("/") == -1 && errno == EPERM ? 0 : 1;
  };
  EXPECT_THAT(checks(CAP_SYS_CHROOT, use),
              ElementsAre(Use{.op = CAPABILITY_CHECK, .first = CAP_SYS_CHROOT, .second = user_ns_},
                          Use{.op = CAPABILITY_CHECK,
                              .result = -EPERM,
                              .first = CAP_SYS_CHROOT,
                              .second = user_ns_,
                              .uid = 65534}));
}

TEST_F(CapabilityTest, IsSilentWhereTheKernelOnlyWonders) {
  const auto use = [] {
    if (setuid(65534) != 0) return 2;
    return std::ifstream("/proc/1/stat").get() != EOF ? 0 : 1;
  };
  EXPECT_TRUE(checks(CAP_SYS_PTRACE, use).empty());
}

}  // namespace
}  // namespace idtrail::test
