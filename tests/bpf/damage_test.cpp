// SPDX-License-Identifier: Apache-2.0
// What others do to the sensor: a probe that is taken off, a map that somebody else writes.
#include <bit>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kernel/sensor.h"
#include "idtrail/control.h"
#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

constexpr std::uint32_t kDevice = 0xff07;

/// Descriptors of this process whose fdinfo has the key: "link_id" or "map_id".
std::set<int> descriptors(const std::string& key) {
  std::set<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with(key + ":")) found.insert(std::stoi(entry.path().filename()));
    }
  }
  return found;
}

std::set<int> without(std::set<int> all, const std::set<int>& some) {
  for (const int one : some) all.erase(one);
  return all;
}

int map_named(const std::set<int>& maps, const std::string& name) {
  for (const int fd : maps) {
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && name == info.name) return fd;
  }
  return -1;
}

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() : links_before_(descriptors("link_id")), maps_before_(descriptors("map_id")) {
    SensorOptions options;
    options.only = {"fork", "exit"};
    auto opened = Sensor::open(options);
    EXPECT_TRUE(opened) << opened.error().message;
    if (opened) sensor = std::make_unique<Sensor>(std::move(*opened));
  }
  [[nodiscard]] std::set<int> links() const {
    return without(descriptors("link_id"), links_before_);
  }
  [[nodiscard]] int map(const std::string& name) const {
    return map_named(without(descriptors("map_id"), maps_before_), name);
  }

  std::set<int> links_before_, maps_before_;
  std::unique_ptr<Sensor> sensor;
};

TEST_F(DamageTest, ThereIsNoneWhereNobodyTouchesIt) {
  ASSERT_TRUE(sensor->set_volume(kDevice, VOLUME_OTHER, 3));
  EXPECT_TRUE(sensor->damages().empty());
  ASSERT_TRUE(sensor->forget_volume(kDevice));
  EXPECT_TRUE(sensor->damages().empty());
}

TEST_F(DamageTest, AProbeThatIsTakenOffIsTold) {
  ASSERT_FALSE(links().empty());
  close(*links().begin());
  const auto damages = sensor->damages();
  ASSERT_EQ(damages.size(), 1U);
  EXPECT_TRUE(damages[0].probe);
  EXPECT_NE(damages[0].name.find("sched_process_"), std::string::npos) << damages[0].name;
}

TEST_F(DamageTest, SettingsThatAnotherWroteAreTold) {
  const int fd = map("control");
  ASSERT_GE(fd, 0);
  const std::uint32_t key = 0;
  struct control settings {};
  ASSERT_EQ(bpf_map_lookup_elem(fd, &key, &settings), 0);
  settings.agent_tgid = 1;  // whose acts would not be reported any more
  ASSERT_EQ(bpf_map_update_elem(fd, &key, &settings, BPF_ANY), 0);
  const auto damages = sensor->damages();
  ASSERT_EQ(damages.size(), 1U);
  EXPECT_FALSE(damages[0].probe);
  EXPECT_EQ(damages[0].name, "control");
}

TEST_F(DamageTest, AVerdictThatAnotherWroteIsTold) {
  ASSERT_TRUE(sensor->set_volume(kDevice, VOLUME_CREDENTIAL, 3));
  const int fd = map("devices");
  ASSERT_GE(fd, 0);
  device_row row{};
  row.verdict = std::bit_cast<__u64>(volume_verdict{VOLUME_OTHER, 3});
  ASSERT_EQ(bpf_map_update_elem(fd, &kDevice, &row, BPF_ANY), 0);
  ASSERT_EQ(sensor->damages().size(), 1U);
  EXPECT_EQ(sensor->damages()[0].name, "devices");
  row = {};  // as the mount probe does
  ASSERT_EQ(bpf_map_update_elem(fd, &kDevice, &row, BPF_ANY), 0);
  EXPECT_TRUE(sensor->damages().empty());
}

TEST_F(DamageTest, AVerdictThatAnotherGaveIsToldUntilItIsGone) {
  const int fd = map("devices");
  ASSERT_GE(fd, 0);
  device_row row{};
  row.verdict = std::bit_cast<__u64>(volume_verdict{VOLUME_OTHER, 3});
  ASSERT_EQ(bpf_map_update_elem(fd, &kDevice, &row, BPF_ANY), 0);
  for (int i = 0; i < 8; ++i) (void)sensor->damages();
  ASSERT_EQ(sensor->damages().size(), 1U);
  EXPECT_EQ(sensor->damages()[0].name, "devices");
  row = {};
  ASSERT_EQ(bpf_map_update_elem(fd, &kDevice, &row, BPF_ANY), 0);
  for (int i = 0; i < 8; ++i) (void)sensor->damages();
  EXPECT_TRUE(sensor->damages().empty());
}

/// Forks are made by others: our own are not reported.
TEST_F(DamageTest, SaysHowMuchWaitsInTheRings) {
  sensor->poll(std::chrono::milliseconds(0), [](auto) {});
  const Acted child = in_child([] {
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(0);
    waitpid(grandchild, nullptr, 0);
    return 0;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_GE(sensor->waiting().bulk, 2 * sizeof(event_header));
  sensor->poll(std::chrono::milliseconds(0), [](auto) {});
  EXPECT_EQ(sensor->waiting().urgent, 0U);
}

}  // namespace
}  // namespace idtrail::test
