// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/bpf/recorder.h"

namespace {

/// Loads the probes once and prints what stands, so that a log tells which hooks were tested.
class Setting final : public testing::Environment {
 public:
  void SetUp() override {
    idtrail::test::own_cgroup_id();
    for (const auto& probe : idtrail::test::shared_sensor().probes()) {
      std::cout << "probe " << probe.name << " hook=\"" << probe.hook
                << "\" verified_insns=" << probe.verified_insns << " error=\"" << probe.error
                << "\"\n";
    }
  }
  void TearDown() override { idtrail::test::close_shared_sensor(); }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (geteuid() != 0) {
    std::cerr << "bpf_tests loads kernel probes: run it as root, in a booted kernel (make vm)\n";
    return 1;
  }
  testing::AddGlobalTestEnvironment(new Setting);  // GoogleTest owns it
  return RUN_ALL_TESTS();
}
