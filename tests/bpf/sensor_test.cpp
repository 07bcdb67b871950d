// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sensor.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/verifier_budget.h"

namespace idtrail::test {
namespace {

constexpr std::uint32_t kSmallRing = 4096;

SensorOptions only(std::vector<std::string> probes) {
  SensorOptions options;
  options.only = std::move(probes);
  return options;
}

/// Numbers that are missing between the first and the last of each ring and CPU.
std::uint64_t gaps(const Records& records) {
  std::map<std::pair<std::uint16_t, std::uint16_t>, std::set<std::uint32_t>> by_source;
  for (const Record& record : records) {
    by_source[{record.header.ring, record.header.cpu}].insert(record.header.seq);
  }
  std::uint64_t missing = 0;
  for (const auto& [source, numbers] : by_source) {
    missing += *numbers.rbegin() - *numbers.begin() + 1 - numbers.size();
  }
  return missing;
}

TEST(SensorTest, RunsEveryProbeWithinTheVerifiersBudget) {
  expect_within_budget(shared_sensor().probes());
}

TEST(SensorTest, CountsWhatItDropsAsTheGapsShow) {
  SensorOptions options = only({"fork", "exit", "exec"});
  options.ring_bytes = kSmallRing;
  auto sensor = Sensor::open(options);
  ASSERT_TRUE(sensor) << sensor.error().message;
  constexpr int kForks = 60;
  const Acted parent = in_child([] {
    for (int i = 0; i < kForks; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      waitpid(child, nullptr, 0);
    }
    return 0;
  });
  Records records = drain(*sensor);
  in_child([] { return 0; });  // one more record closes the last gap
  std::ranges::copy(drain(*sensor), std::back_inserter(records));

  const std::vector<KindLosses> losses = sensor->losses();
  ASSERT_EQ(losses.size(), static_cast<std::size_t>(EVENT_KINDS));
  EXPECT_GT(losses[EVENT_fork].dropped, 0U);
  EXPECT_GT(losses[EVENT_exit].dropped, 0U);
  EXPECT_EQ(losses[EVENT_exec], KindLosses{});
  EXPECT_EQ(select(records, EVENT_fork, parent.tgid).size() + losses[EVENT_fork].dropped, kForks);
  EXPECT_EQ(gaps(records), losses[EVENT_fork].dropped + losses[EVENT_exit].dropped);
}

TEST(SensorTest, HandsARecordOverWholeThatLiesAcrossTheEndOfItsRing) {
  SensorOptions options = only({"exec"});
  options.ring_bytes = kSmallRing;
  auto sensor = Sensor::open(options);
  ASSERT_TRUE(sensor) << sensor.error().message;
  for (std::size_t i = 0; i < 20; ++i) {
    const std::string argument(500 + 40 * i, static_cast<char>('a' + i));  // never a divisor of it
    const Acted child = run(exec_target(), {argument});
    const Records records = select(drain(*sensor), EVENT_exec, child.tgid);
    ASSERT_EQ(records.size(), 1U);
    expect_header(records[0], EVENT_exec, child);
    const auto& body = records[0].body;
    const std::string text(reinterpret_cast<const char*>(body.data()), body.size());
    EXPECT_NE(text.find(argument), std::string::npos) << "run " << i;
  }
}

TEST(SensorTest, CountsADroppedRecordOfVariableSize) {
  SensorOptions options = only({"exec"});
  options.ring_bytes = kSmallRing;
  auto sensor = Sensor::open(options);
  ASSERT_TRUE(sensor) << sensor.error().message;
  constexpr std::uint64_t kRuns = 8;
  for (std::uint64_t i = 0; i < kRuns; ++i) run(exec_target(), {std::string(1500, 'a')});
  const Records records = drain(*sensor);
  EXPECT_GT(sensor->losses()[EVENT_exec].dropped, 0U);
  EXPECT_EQ(records.size() + sensor->losses()[EVENT_exec].dropped, kRuns);
}

TEST(SensorTest, NumbersWithoutGapsWhereNothingIsLost) {
  drain(shared_sensor());
  const auto lost_before = shared_sensor().losses();  // in the floods of other tests
  const std::uint64_t missed_before = shared_sensor().missed_runs();
  for (int i = 0; i < 20; ++i) in_child([] { return 0; });
  const Records records = drain(shared_sensor());
  EXPECT_GE(records.size(), 20U);
  EXPECT_EQ(gaps(records), 0U);
  EXPECT_EQ(shared_sensor().losses(), lost_before);
  EXPECT_EQ(shared_sensor().missed_runs(), missed_before);
}

TEST(SensorTest, EachRingWakesForItsOwn) {
  drain(shared_sensor());
  pollfd urgent{.fd = shared_sensor().urgent_fd(), .events = POLLIN, .revents = 0};
  pollfd bulk{.fd = shared_sensor().bulk_fd(), .events = POLLIN, .revents = 0};
  std::atomic<bool> woken = false;
  std::jthread waiting([&] { woken = ::poll(&bulk, 1, 60'000) == 1; });
  usleep(50'000);  // it waits by now
  in_child([] { return 0; });
  waiting.join();
  EXPECT_TRUE(woken) << "the first of a batch wakes";
  EXPECT_EQ(::poll(&urgent, 1, 50), 0) << "an exit is not urgent";
  run(exec_target(), {"x"});
  EXPECT_EQ(::poll(&urgent, 1, 5000), 1) << "an exec behind an unread exit wakes";
  drain(shared_sensor());
}

TEST(SensorTest, SkipsTheProcessItIsToldTo) {
  SensorOptions options = only({"fork"});
  options.skip_tgid = 1;
  auto sensor = Sensor::open(options);
  ASSERT_TRUE(sensor) << sensor.error().message;
  drain(shared_sensor());
  in_child([] { return 0; });
  const auto own = static_cast<std::uint32_t>(getpid());
  EXPECT_EQ(select(drain(*sensor), EVENT_fork, own).size(), 1U);
  EXPECT_TRUE(select(drain(shared_sensor()), EVENT_fork, own).empty());
}

TEST(SensorTest, TellsOfARefusedProbeAndRunsTheOthers) {
  SensorOptions options = only({"fork", "exit"});
  options.avoid = {"exit/fentry", "exit/tp"};
  auto sensor = Sensor::open(options);
  ASSERT_TRUE(sensor) << sensor.error().message;
  const auto probes = sensor->probes();
  ASSERT_EQ(probes.size(), 2U);
  EXPECT_EQ(probes[0].name, "fork");
  EXPECT_EQ(probes[0].kind, EVENT_fork);
  EXPECT_EQ(probes[0].hook, "tp_btf/sched_process_fork");
  EXPECT_EQ(probes[0].error, "");
  EXPECT_EQ(probes[1].hook, "");
  EXPECT_NE(probes[1].error.find("fentry: switched off"), std::string::npos) << probes[1].error;
  EXPECT_NE(probes[1].error.find("tp: switched off"), std::string::npos) << probes[1].error;
  in_child([] {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    return waitpid(child, nullptr, 0) == child ? 0 : 1;
  });
  const Records records = drain(*sensor);
  EXPECT_FALSE(select(records, EVENT_fork).empty());
  EXPECT_TRUE(select(records, EVENT_exit).empty());
}

TEST(SensorTest, RefusesToRunWithoutAnyProbe) {
  SensorOptions options = only({"fork"});
  options.avoid = {"fork/tp"};
  const auto sensor = Sensor::open(options);
  ASSERT_FALSE(sensor);
  EXPECT_EQ(sensor.error().code, Errc::kUnsupported);
}

TEST(SensorTest, RefusesOptionsThatMeanNothing) {
  SensorOptions options;
  options.ring_bytes = 5000;
  EXPECT_EQ(Sensor::open(options).error().code, Errc::kInvalid);
  EXPECT_EQ(Sensor::open(only({"exce"})).error().code, Errc::kInvalid);
}

TEST(SensorTest, TellsAMissingRightFromAMissingKernel) {
  const Acted child = in_child([] {
    if (setuid(12345) != 0) return 100;
    return static_cast<int>(Sensor::open({}).error().code);
  });
  EXPECT_EQ(WEXITSTATUS(child.status), static_cast<int>(Errc::kPermission));
}

}  // namespace
}  // namespace idtrail::test
