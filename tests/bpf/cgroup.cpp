// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/cgroup.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {

Cgroup::Cgroup(const std::string& name) : place_(cgroup_root() + "/" + name) {
  EXPECT_EQ(mkdir(place_.c_str(), 0755), 0) << place_;
  id_ = inode_of(place_);
}

Cgroup::~Cgroup() { remove(); }

void Cgroup::enter() const { write_file(place_ + "/cgroup.procs", "0"); }

void Cgroup::remove() const { rmdir(place_.c_str()); }

void Cgroup::kill_all() const {
  // Not cgroup.kill, which Linux 5.10 has not. What forks meanwhile is met in the next round.
  for (bool any = true; any;) {
    any = false;
    std::ifstream processes(place_ + "/cgroup.procs");
    for (pid_t pid = 0; processes >> pid;) any = kill(pid, SIGKILL) == 0 || any;
    if (any) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::optional<CgroupBooks> books_of(const Sensor& sensor, std::uint64_t cgroup) {
  std::optional<CgroupBooks> found;
  EXPECT_TRUE(sensor.books([&](const CgroupBooks& one) {
    if (one.cgroup_id == cgroup) found = one;
  }));
  return found;
}

std::uint64_t sum(const std::array<std::uint64_t, OUTCOMES>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

Sensor open_sensor(const SensorOptions& options) {
  auto sensor = Sensor::open(options);
  if (!sensor) {
    ADD_FAILURE() << sensor.error().message;
    std::abort();
  }
  return std::move(*sensor);
}

}  // namespace idtrail::test
