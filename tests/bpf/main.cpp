// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iostream>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/bpf/recorder.h"

namespace {

/// Loads the probes once and tells what stands, so that a log tells which hooks were tested.
class Setting final : public testing::Environment {
 public:
  explicit Setting(std::string report) : report_(std::move(report)) {}
  void SetUp() override {
    idtrail::test::own_cgroup_id();
    auto all = nlohmann::json::array();
    for (const auto& probe : idtrail::test::shared_sensor().probes()) {
      all.push_back({{"probe", probe.name},
                     {"hook", probe.hook},
                     {"verified_insns", probe.verified_insns},
                     {"error", probe.error}});
      std::cout << all.back() << "\n";
    }
    if (!report_.empty()) std::ofstream(report_) << all << "\n";
  }
  void TearDown() override { idtrail::test::close_shared_sensor(); }

 private:
  std::string report_;
};

constexpr const char* kUsage = R"(usage: bpf_tests [--probes FILE] [--gtest_...]

Trigger tests of every probe. Loads kernel probes: run it as root, in a booted kernel.
  --probes FILE  write which hook each probe uses here, as JSON
Example: make vm KERNEL=6.1 CMD='build/dev/bin/tests/bpf_tests --gtest_filter=ExecTest.*'
)";

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const bool reports = argc == 3 && std::string_view(argv[1]) == "--probes";
  if (argc != 1 && !reports) {
    std::cerr << kUsage;
    return 2;
  }
  if (geteuid() != 0) {
    std::cerr << kUsage;
    return 1;
  }
  testing::AddGlobalTestEnvironment(new Setting(reports ? argv[2] : ""));  // GoogleTest owns it
  return RUN_ALL_TESTS();
}
