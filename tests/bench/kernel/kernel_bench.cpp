// SPDX-License-Identifier: Apache-2.0
// Instructions per operation that the probes add, as JSON lines. The figures mean something under
// QEMU's -icount only (tests/vm/run --icount), where a nanosecond is an instruction.
//
// host: by a process in no container, on an object that is no credential; novel: in a container, on
// one that is, so that a record leaves for every operation that a probe sees; known: the same where
// user space has judged everything known that can be, so that it is only counted. syscalls_on: with
// the set of system calls, which is off by default, for a call that is in it. With --grow: known,
// beside ever more other cgroups and behaviours.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sched.h>
#include <sys/personality.h>
#include <unistd.h>

#include "idtrail/control.h"
#include "tests/bench/kernel/operations.h"
#include "tests/bench/kernel/stage.h"
#include "tests/bench/result.h"

namespace idtrail::bench {
namespace {

constexpr int kBursts = 41;
constexpr useconds_t kPauseUs = 20'000;  // the reader, the timers and RCU catch up
constexpr unsigned kAlertPasses = 2 * ALERT_NS / 1'000'000'000;  // seconds
constexpr double kFloor = 100;  // an operation that costs less than this does not tell growth
constexpr const char* kCommand =
    "tests/vm/run --kernel 6.1 --icount -- build/release/bin/bench/kernel_bench";

struct Figure {
  double median = 0;
  double spread = 0;  // between the quartiles
};

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// Nothing else runs on the CPU meanwhile, unless it is to be counted too.
double burst(const Operation& operation) {
  const sched_param first{.sched_priority = 50};
  const sched_param normal{.sched_priority = 0};
  if (!operation.whole_machine) sched_setscheduler(0, SCHED_FIFO, &first);
  const std::uint64_t begin = now_ns();
  for (int i = 0; i < operation.per_burst; ++i) operation.act();
  const std::uint64_t end = now_ns();
  sched_setscheduler(0, SCHED_OTHER, &normal);
  usleep(kPauseUs);
  return static_cast<double>(end - begin) / operation.per_burst;
}

Figure measure(const Operation& operation) {
  std::vector<double> each;
  for (int i = 0; i < 2; ++i) burst(operation);  // caches, slabs, lazy set-up
  for (int i = 0; i < kBursts; ++i) each.push_back(burst(operation));
  std::ranges::sort(each);
  return {.median = each[kBursts / 2], .spread = each[kBursts * 3 / 4] - each[kBursts / 4]};
}

struct Measured {
  Figure figure;
  bool whole_machine = false;
};
using Figures = std::map<std::string, Measured>;

Figures measure_all(const std::vector<Operation>& all) {
  Figures figures;
  for (const Operation& operation : all) {
    figures[operation.name] = {measure(operation), operation.whole_machine};
  }
  return figures;
}

void print(const std::string& metric, const char* unit, const Figure& figure) {
  print_result(metric, unit, figure.median, figure.spread, kCommand);
}

void print_added(const std::string& who, const Figures& with, const Figures& without) {
  for (const auto& [name, measured] : with) {
    const Figure& base = without.at(name).figure;
    const Figure added{.median = measured.figure.median - base.median,
                       .spread = measured.figure.spread + base.spread};
    if (measured.whole_machine) {
      const double percent = 100 / base.median;
      print(fmt::format("kernel.{}.{}.percent", name, who), "percent",
            {.median = added.median * percent, .spread = added.spread * percent});
    } else {
      print(fmt::format("kernel.{}.{}.insn", name, who), "insn", added);
    }
  }
}

/// Of the operations with these names; of all if there are none.
void run(const std::vector<std::string>& names) {
  const Places places = set_stage();
  std::vector<Operation> all = operations(places);
  std::erase_if(all, [&](const Operation& operation) {
    return !names.empty() && std::ranges::find(names, operation.name) == names.end();
  });
  const std::uint32_t volume = device_of(places.credential);
  const auto measure_with = [&](auto... sensor) {
    const Agent agent(sensor...);
    return measure_all(all);
  };
  const Figures without = measure_with();
  for (const auto& [name, measured] : without) {
    print(fmt::format("kernel.{}.none.insn", name), "insn", measured.figure);
  }
  print_added("host", measure_with(volume, VOLUME_OTHER), without);
  enter_container(true);
  const Figures inside = measure_with();
  print_added("novel", measure_with(volume, VOLUME_CREDENTIAL), inside);
  {
    const Agent agent(volume, VOLUME_CREDENTIAL, true);
    measure_all(all);     // the reader learns
    sleep(kAlertPasses);  // a read that was sent has put the container on the alert
    print_added("known", measure_all(all), inside);
  }
  // What it adds to any other operation is this, times the system calls of that.
  std::erase_if(all, [](const Operation& operation) { return operation.name != "getppid"; });
  const Agent agent(volume, VOLUME_CREDENTIAL, true, true);
  print_added("known.syscalls_on", measure_all(all), inside);
  enter_container(false);
}

/// By how many percent it costs more than before, as far as that is more than chance.
double growth(const Figure& before, const Figure& now, const Figure& without) {
  const double cost = before.median - without.median;
  const double more = now.median - before.median;
  if (cost < kFloor || more <= before.spread + now.spread) return 0;
  return 100 * more / cost;
}

/// What a known operation costs as more containers and behaviours are known.
void grow() {
  constexpr Crowd kSizes[] = {{10, 1'000}, {100, 10'000}, {1'000, 100'000}, {10'000, 1'000'000}};
  const Places places = set_stage();
  std::vector<Operation> all = operations(places);
  std::erase_if(all, [](const Operation& operation) { return operation.whole_machine; });
  const std::uint32_t volume = device_of(places.credential);
  enter_container(true);
  Figures inside;
  {
    const Agent nobody;
    measure_all(all);  // what is there once, such as the files' entries in the kernel's caches
    inside = measure_all(all);
  }
  Figures small;
  Figures known;
  for (const Crowd& size : kSizes) {
    const Agent agent(volume, VOLUME_CREDENTIAL, true, false, size);
    measure_all(all);
    sleep(kAlertPasses);
    known = measure_all(all);
    print_added(fmt::format("known.c{}.b{}", size.cgroups, size.behaviours), known, inside);
    if (small.empty()) small = known;
  }
  double most = 0;
  for (const auto& [name, one] : known) {
    most = std::max(most, growth(small.at(name).figure, one.figure, inside.at(name).figure));
  }
  print("kernel.growth.known.percent", "percent", {.median = most});
  enter_container(false);
}

}  // namespace
}  // namespace idtrail::bench

int main(int argc, char** argv) {
  // Programs then lie where they lay before: what an exec costs does not hang on their addresses.
  personality(ADDR_NO_RANDOMIZE);
  const std::vector<std::string> names(argv + 1, argv + argc);
  if (names == std::vector<std::string>{"--grow"}) {
    idtrail::bench::grow();
  } else {
    idtrail::bench::run(names);
  }
}
