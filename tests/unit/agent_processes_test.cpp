// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/identity/processes.h"

namespace idtrail {
namespace {

Place& here() {
  static Place place = [] {
    Place made;
    made.serial = 1;
    made.kind = PlaceKind::kContainer;
    return made;
  }();
  return place;
}

ProcessKey key(std::uint32_t tgid) { return {.tgid = tgid, .started = boot_time(tgid)}; }

void fork(Processes& processes, std::uint32_t parent, std::uint32_t child) {
  Event event;
  event.process = key(parent);
  processes.on_fork(event, {.child = key(child)}, here(), here());
}

void exit(Processes& processes, std::uint32_t tgid) {
  Event event;
  event.process = key(tgid);
  processes.on_exit(event);
}

TEST(Processes, ForgetTheOldestDeadFirst) {
  Counters counters;
  Processes processes(counters, 4);
  fork(processes, 1, 2);
  fork(processes, 1, 3);
  fork(processes, 1, 4);
  exit(processes, 3);
  exit(processes, 2);
  fork(processes, 1, 5);
  EXPECT_EQ(processes.find(key(3)), nullptr);
  EXPECT_NE(processes.find(key(2)), nullptr);
  EXPECT_EQ(counters[Counter::process_forgotten], 1U);
  EXPECT_EQ(counters[Counter::process_evicted], 0U);
}

TEST(Processes, CountTheLivingThatHadToGo) {
  Counters counters;
  Processes processes(counters, 4);
  for (std::uint32_t child = 2; child < 10; ++child) fork(processes, 1, child);
  EXPECT_EQ(processes.size(), 4U);
  EXPECT_GE(counters[Counter::process_evicted], 4U);
}

TEST(Processes, StayBoundedWhateverForks) {
  Counters counters;
  Processes processes(counters, 64);
  for (std::uint32_t i = 1; i < 5000; ++i) {
    fork(processes, i, i + 1);
    if (i % 3 == 0) exit(processes, i - i % 7);
    ASSERT_LE(processes.size(), 64U);
  }
}

TEST(Processes, EndOneThatRanBeforeTheAgentAndIsKnownByItsTickOnly) {
  Counters counters;
  Processes processes(counters, 64);
  v1::ProcessFact fact;
  fact.set_tgid(7);
  fact.set_start_boot_ns(30'000'000);  // as /proc says it: the start of a tick
  processes.on_fact(fact, nullptr, here());
  Event event;
  event.process = {.tgid = 7, .started = boot_time(30'000'123)};
  processes.on_exit(event);
  EXPECT_EQ(processes.find_living(7), nullptr);
}

TEST(Processes, FindTheLivingByPid) {
  Counters counters;
  Processes processes(counters);
  fork(processes, 1, 2);
  EXPECT_EQ(processes.find_living(2)->key, key(2));
  exit(processes, 2);
  EXPECT_EQ(processes.find_living(2), nullptr);
}

}  // namespace
}  // namespace idtrail
