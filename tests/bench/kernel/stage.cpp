// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/kernel/stage.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/decode/behaviour_of.h"
#include "agent/decode/decoder.h"
#include "agent/kernel/sensor.h"

namespace idtrail::bench {
namespace {

constexpr std::uint32_t kRingBytes = 16U << 20U;
constexpr const char* kRoot = "/sys/fs/cgroup";
constexpr const char* kContainer = "/sys/fs/cgroup/kubepods/pod0/container";

void require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::exit(1);
}

void mount_at(const char* type, const std::string& place) {
  std::filesystem::create_directories(place);
  require(mount(type, place.c_str(), type, 0, nullptr) == 0, type);
}

/// Writes the verdict that makes the record the last of its kind.
void know(KnownTable& known, std::span<const std::byte> record) {
  Event event;
  if (decode_record(record, event) != Refusal::kNone) return;
  if (const auto seen = behaviour_of(event)) known.insert(known.key_of(*seen));
}

void fill(Sensor& sensor, const Crowd& crowd) {
  constexpr std::uint64_t kNobodys = 1ULL << 40U;  // an id that no cgroup here comes to have
  for (std::uint64_t i = 0; i < crowd.cgroups; ++i) {
    if (!sensor.open_books(kNobodys + i)) break;  // full: the others share the books of the rest
  }
  behaviour one{};
  one.kind = EVENT_connect;
  for (std::uint64_t i = 0; i < crowd.behaviours; ++i) {
    one.cgroup_id = kNobodys + i % std::max(crowd.cgroups, 1U);
    one.object[0] = i;
    sensor.known().insert(sensor.known().key_of(one));
  }
}

[[noreturn]] void be_the_agent(std::uint32_t device, volume_kind verdict, bool learns,
                               bool syscalls, const Crowd& crowd, int ready) {
  SensorOptions options;
  options.ring_bytes = kRingBytes;
  options.syscalls = syscalls;
  options.quota = {.urgent = UINT32_MAX, .bulk = UINT32_MAX, .reserved = 0};  // the dear way
  auto sensor = Sensor::open(options);
  if (!sensor) {
    std::fprintf(stderr, "%s\n", sensor.error().message.c_str());
    std::exit(1);
  }
  for (const ProbeStatus& probe : sensor->probes()) {
    if (!probe.error.empty()) std::fprintf(stderr, "%s\n", probe.error.c_str());
  }
  fill(*sensor, crowd);
  const auto judged = sensor->set_volume(device, verdict, sensor->volume_generation(device));
  require(judged && write(ready, "r", 1) == 1, "tell that the sensor stands");
  const Sensor::RecordFn look = [&](std::span<const std::byte> record) {
    if (learns) know(sensor->known(), record);
  };
  for (;;) sensor->poll(std::chrono::milliseconds(1000), look);
}

}  // namespace

Places set_stage() {
  mount_at("ramfs", "/tmp/bench/plain");
  mount_at("tmpfs", "/tmp/bench/volume");
  const Places places{.ordinary = "/tmp/bench/plain/file",
                      .credential = "/tmp/bench/volume/token",
                      .program = "/tmp/bench/plain/program"};
  std::ofstream(places.ordinary) << "text";
  std::ofstream(places.credential) << "text";
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::filesystem::copy_file(beside / "bench_target", places.program);
  return places;
}

std::uint32_t device_of(const std::string& path) {
  struct stat status {};
  require(stat(path.c_str(), &status) == 0, path.c_str());
  return major(status.st_dev) << 20U | minor(status.st_dev);
}

void enter_container(bool inside) {
  std::filesystem::create_directories(kContainer);
  std::ofstream(std::string(inside ? kContainer : kRoot) + "/cgroup.procs") << getpid();
}

Agent::Agent() : child_(fork()) {
  if (child_ != 0) return;
  while (true) pause();
}

Agent::Agent(std::uint32_t device, volume_kind verdict, bool learns, bool syscalls, Crowd crowd) {
  int ready[2];
  require(pipe(ready) == 0, "pipe");
  child_ = fork();
  if (child_ == 0) be_the_agent(device, verdict, learns, syscalls, crowd, ready[1]);
  close(ready[1]);
  char byte = 0;
  require(read(ready[0], &byte, 1) == 1, "wait for the sensor");
  close(ready[0]);
}

Agent::~Agent() {
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

}  // namespace idtrail::bench
