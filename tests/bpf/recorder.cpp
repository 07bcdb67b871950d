// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/recorder.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <memory>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace idtrail::test {
namespace {

std::unique_ptr<Sensor> g_sensor;  // closed by close_shared_sensor(), before static destruction

std::uint64_t enter_own_cgroup() {
  const std::string place = cgroup_root() + "/bpf-tests";
  mkdir(place.c_str(), 0755);
  std::ofstream(place + "/cgroup.procs") << getpid() << std::flush;
  struct stat status {};
  return stat(place.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

std::string Record::tail(std::size_t payload_bytes, std::size_t offset, std::size_t bytes) const {
  const std::size_t begin = payload_bytes + offset;
  if (begin + bytes > body.size()) {
    ADD_FAILURE() << "tail of " << body.size() << " bytes ends before " << begin + bytes;
    return {};
  }
  return {reinterpret_cast<const char*>(body.data()) + begin, bytes};
}

Records drain(Sensor& sensor) {
  Records records;
  const Sensor::RecordFn keep = [&](std::span<const std::byte> bytes) {
    Record& record = records.emplace_back();
    ASSERT_GE(bytes.size(), sizeof(event_header));
    std::memcpy(&record.header, bytes.data(), sizeof(event_header));
    EXPECT_EQ(record.header.size, bytes.size());
    EXPECT_LE(bytes.size(), static_cast<std::size_t>(EVENT_RECORD_MAX));
    bytes = bytes.subspan(sizeof(event_header));
    record.body.assign(bytes.begin(), bytes.end());
  };
  const std::size_t count = sensor.poll(std::chrono::milliseconds(0), keep);
  EXPECT_EQ(count, records.size());
  return records;
}

Records select(const Records& records, event_kind kind, std::uint32_t tgid) {
  Records chosen;
  std::ranges::copy_if(records, std::back_inserter(chosen), [&](const Record& record) {
    return record.header.kind == kind && (tgid == 0 || record.header.tgid == tgid);
  });
  return chosen;
}

std::uint64_t boot_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Sensor& shared_sensor() {
  if (!g_sensor) {
    auto sensor = Sensor::open({.syscalls = true});
    if (!sensor) {
      ADD_FAILURE() << sensor.error().message;
      std::abort();
    }
    g_sensor = std::make_unique<Sensor>(std::move(*sensor));
  }
  return *g_sensor;
}

void close_shared_sensor() { g_sensor.reset(); }

std::uint64_t own_cgroup_id() {
  static const std::uint64_t id = enter_own_cgroup();
  return id;
}

const std::string& cgroup_root() { return shared_sensor().hierarchy().root; }

std::uint32_t kernel_device(std::uint64_t st_dev) { return major(st_dev) << 20U | minor(st_dev); }

}  // namespace idtrail::test
