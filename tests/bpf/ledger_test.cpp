// SPDX-License-Identifier: Apache-2.0
// The books: the left side of every equation here is what the acting program itself counted.
#include <algorithm>
#include <map>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/cgroup.h"

namespace idtrail::test {
namespace {

constexpr std::uint32_t kSmallRing = 4096;

/// In `cgroup`: `count` children that only exit, one after the other.
void fork_in(const Cgroup& cgroup, int count) {
  const Acted done = in_child([&] {
    cgroup.enter();
    for (int i = 0; i < count; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      if (waitpid(child, nullptr, 0) != child) return 1;
    }
    return 0;
  });
  EXPECT_EQ(done.status, 0);
}

std::size_t received(const Records& records, event_kind kind, std::uint64_t cgroup) {
  return static_cast<std::size_t>(std::ranges::count_if(records, [&](const Record& one) {
    return one.header.kind == kind && one.header.cgroup_id == cgroup;
  }));
}

TEST(LedgerTest, BalancesToTheUnitWhereTheRingIsFull) {
  constexpr int kForks = 200;
  Sensor sensor = open_sensor({.ring_bytes = kSmallRing, .only = {"cgroup", "fork", "exit"}});
  const Cgroup one("ledger-one");
  const Cgroup other("ledger-other");
  fork_in(one, kForks);
  fork_in(other, kForks / 2);
  const Records records = drain(sensor);
  for (const auto& [cgroup, count] : {std::pair{one.id(), kForks}, {other.id(), kForks / 2}}) {
    const auto books = books_of(sensor, cgroup);
    ASSERT_TRUE(books);
    const auto& forks = books->counts[EVENT_fork];
    const auto& exits = books->counts[EVENT_exit];
    EXPECT_EQ(sum(forks), static_cast<std::uint64_t>(count));
    EXPECT_EQ(sum(exits), static_cast<std::uint64_t>(count) + 1) << "and the one that forked";
    EXPECT_EQ(forks[OUTCOME_LIMITED], 0U);
    EXPECT_GT(forks[OUTCOME_DROPPED], 0U);
    EXPECT_EQ(forks[OUTCOME_DELIVERED], received(records, EVENT_fork, cgroup));
    EXPECT_EQ(exits[OUTCOME_DELIVERED], received(records, EVENT_exit, cgroup));
  }
}

TEST(LedgerTest, AFloodSpendsItsOwnQuotaOnly) {
  constexpr int kForks = 100;  // an emulated machine makes some twenty in a window
  constexpr int kFew = 2;
  Sensor sensor =
      open_sensor({.quota = {.urgent = 10, .bulk = 2, .reserved = 0}, .only = {"cgroup", "fork"}});
  const Cgroup noisy("ledger-noisy");
  const Cgroup quiet("ledger-quiet");
  fork_in(noisy, kForks);
  fork_in(quiet, kFew);
  const Records records = drain(sensor);
  const auto of_noisy = books_of(sensor, noisy.id());
  const auto of_quiet = books_of(sensor, quiet.id());
  ASSERT_TRUE(of_noisy && of_quiet);
  const auto& flood = of_noisy->counts[EVENT_fork];
  EXPECT_EQ(sum(flood), static_cast<std::uint64_t>(kForks));
  EXPECT_GT(flood[OUTCOME_LIMITED], 0U);
  EXPECT_EQ(flood[OUTCOME_DROPPED], 0U);
  EXPECT_EQ(flood[OUTCOME_DELIVERED], received(records, EVENT_fork, noisy.id()));
  EXPECT_EQ(sensor.losses()[EVENT_fork].limited, flood[OUTCOME_LIMITED]);
  EXPECT_EQ(of_quiet->counts[EVENT_fork][OUTCOME_DELIVERED], static_cast<std::uint64_t>(kFew));
  EXPECT_EQ(received(records, EVENT_fork, quiet.id()), static_cast<std::size_t>(kFew));
}

TEST(LedgerTest, WhatIsNewGetsThroughASpentQuota) {
  constexpr int kRuns = 12;
  const Folder folder;
  const std::string copy = folder / "other";
  std::filesystem::copy_file(exec_target(), copy);
  Sensor sensor = open_sensor(
      {.quota = {.urgent = 3, .bulk = 8000, .reserved = 4}, .only = {"cgroup", "exec"}});
  const Cgroup noisy("ledger-reserve");
  const auto enter = [&] { noisy.enter(); };
  std::uint64_t before = boot_now_ns() >> WINDOW_SHIFT;
  for (int i = 0; i < kRuns; ++i) run(exec_target(), {"same"}, enter);
  const Acted theft = run(copy, {"other"}, enter);
  const std::uint64_t windows = (boot_now_ns() >> WINDOW_SHIFT) - before + 1;
  const Records records = drain(sensor);
  EXPECT_EQ(select(records, EVENT_exec, theft.tgid).size(), 1U);
  const auto books = books_of(sensor, noisy.id());
  ASSERT_TRUE(books);
  const auto& execs = books->counts[EVENT_exec];
  EXPECT_EQ(sum(execs), static_cast<std::uint64_t>(kRuns) + 1);
  EXPECT_LE(execs[OUTCOME_DELIVERED], windows * 3 + 2) << "two pairs from the reserve";
  EXPECT_EQ(execs[OUTCOME_DELIVERED], received(records, EVENT_exec, noisy.id()));
}

TEST(LedgerTest, ClosesTheBooksOfARemovedCgroup) {
  Sensor sensor = open_sensor({.only = {"cgroup", "fork"}});
  Cgroup gone("ledger-gone");
  fork_in(gone, 3);
  ASSERT_TRUE(books_of(sensor, gone.id()));
  EXPECT_FALSE(books_of(sensor, gone.id())->removed);
  gone.remove();
  const auto last = books_of(sensor, gone.id());
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->removed);
  EXPECT_EQ(last->counts[EVENT_fork][OUTCOME_DELIVERED], 3U);
  sensor.close_books(gone.id());
  EXPECT_FALSE(books_of(sensor, gone.id()));
}

TEST(LedgerTest, KeepsBooksOfACgroupThatStoodBefore) {
  const Cgroup old("ledger-old");
  Sensor sensor = open_sensor({.only = {"fork"}});
  fork_in(old, 2);
  EXPECT_FALSE(books_of(sensor, old.id()));
  const auto rest = books_of(sensor, 0);
  ASSERT_TRUE(rest);
  EXPECT_GE(rest->counts[EVENT_fork][OUTCOME_DELIVERED], 2U);
  ASSERT_TRUE(sensor.open_books(old.id()));
  fork_in(old, 2);
  EXPECT_TRUE(sensor.open_books(old.id())) << "again is no error and loses nothing";
  const auto books = books_of(sensor, old.id());
  ASSERT_TRUE(books);
  EXPECT_EQ(books->counts[EVENT_fork][OUTCOME_DELIVERED], 2U);
}

TEST(LedgerTest, OpensTheBooksOfWhatStandsBeforeTheFirstEvent) {
  const Cgroup old("ledger-standing");
  Sensor sensor = open_sensor({.only = {"fork"}, .standing = [&](const std::string& root) {
                                 EXPECT_EQ(root, cgroup_root());
                                 fork_in(old, 2);  // of which nobody hears
                                 return std::vector{old.id()};
                               }});
  const auto books = books_of(sensor, old.id());
  ASSERT_TRUE(books);
  EXPECT_EQ(sum(books->counts[EVENT_fork]), 0U);
  fork_in(old, 2);
  EXPECT_EQ(books_of(sensor, old.id())->counts[EVENT_fork][OUTCOME_DELIVERED], 2U);
}

TEST(LedgerTest, BringsBothRingsInTheOrderOfTime) {
  Sensor sensor = open_sensor({.only = {"fork", "exec", "exit"}, .skip_tgid = 1});
  constexpr int kRuns = 30;
  for (int i = 0; i < kRuns; ++i) run(exec_target(), {"x"});
  const Records records = drain(sensor);
  EXPECT_TRUE(std::ranges::is_sorted(records, {},
                                     [](const Record& record) { return record.header.boot_ns; }));
  std::map<std::uint32_t, std::vector<std::uint16_t>> kinds;
  for (const Record& record : records) {
    const bool is_fork = record.header.kind == EVENT_fork;
    const std::uint32_t of =
        is_fork ? record.payload<fork_payload>().child_tgid : record.header.tgid;
    kinds[of].push_back(record.header.kind);
  }
  const auto whole = std::ranges::count_if(kinds, [](const auto& life) {
    return life.second == std::vector<std::uint16_t>{EVENT_fork, EVENT_exec, EVENT_exit};
  });
  EXPECT_EQ(whole, kRuns);
}

}  // namespace
}  // namespace idtrail::test
