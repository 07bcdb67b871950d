// SPDX-License-Identifier: Apache-2.0
// A number that no other test calls is a member of this cgroup's set once and for all: each test
// has its own, or a cgroup of its own.
#include "idtrail/syscalls.h"

#include <algorithm>
#include <set>
#include <utility>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/cgroup.h"
#include "tests/bpf/maps_of.h"

namespace idtrail::test {
namespace {

// Calls that are in the table and that no kernel implements: nobody else makes them.
constexpr long kNobodys = 181;       // getpmsg
constexpr long kNobodysOther = 183;  // afs_syscall
constexpr long kHarmlessX32 = 100;   // so many numbers from 0 on: no kernel here serves x32

long x32(long number) { return static_cast<long>(SYSCALL_X32_BIT) | number; }

/// Through the old gate of x86, from a 64-bit program.
long old_gate(long number) {
  long result = number;
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result;
}

/// A child in that cgroup, which does `act`.
Acted act_in(const Cgroup& cgroup, const std::function<void()>& act) {
  const Acted child = in_child([&] {
    cgroup.enter();
    act();
    return 0;
  });
  EXPECT_EQ(child.status, 0);
  return child;
}

std::vector<syscall_payload> calls(const Records& records, std::uint64_t cgroup,
                                   std::uint16_t table, std::uint32_t number) {
  std::vector<syscall_payload> found;
  for (const Record& one : select(records, EVENT_syscalls)) {
    const auto payload = one.payload<syscall_payload>();
    if (one.header.cgroup_id == cgroup && payload.table == table && payload.number == number) {
      found.push_back(payload);
    }
  }
  return found;
}

using SyscallsTest = ProbeTest;

TEST_F(SyscallsTest, TellsTheFirstOfEachOnly) {
  const auto act = [] {
    for (int i = 0; i < 3; ++i) syscall(kNobodys);
    return 0;
  };
  const Acted first = in_child(act);
  const Acted again = in_child(act);
  Records records = select(seen(), EVENT_syscalls);
  std::erase_if(
      records, [](const Record& one) { return one.payload<syscall_payload>().number != kNobodys; });
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_syscalls, first);
  const auto payload = records[0].payload<syscall_payload>();
  EXPECT_EQ(records[0].body.size(), sizeof(payload));
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.table, SYSCALLS_NATIVE);
  EXPECT_EQ(payload.asked, static_cast<std::uint32_t>(kNobodys));
  EXPECT_EQ(payload.reserved, 0U);
  EXPECT_EQ(again.status, 0);
}

TEST_F(SyscallsTest, KeepsASetForEachCgroup) {
  const Cgroup one("calls-one");
  const Cgroup other("calls-other");
  for (int i = 0; i < 2; ++i) {
    for (const Cgroup* each : {&one, &other}) act_in(*each, [] { syscall(kNobodys); });
  }
  const Records records = seen();
  for (const Cgroup* each : {&one, &other}) {
    EXPECT_EQ(calls(records, each->id(), SYSCALLS_NATIVE, kNobodys).size(), 1U);
    EXPECT_TRUE(calls(records, each->id(), SYSCALLS_NATIVE, kNobodysOther).empty()) << "not made";
  }
}

TEST_F(SyscallsTest, TellsOfTheHostAsOtherClassesDo) {
  const std::uint64_t root = inode_of(cgroup_root());
  const Acted child = in_child([] {
    write_file(cgroup_root() + "/cgroup.procs", "0");
    syscall(kNobodysOther);
    syscall(kNobodysOther);
    return 0;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_EQ(calls(seen(), root, SYSCALLS_NATIVE, kNobodysOther).size(), 1U);
}

TEST_F(SyscallsTest, IsSilentOnTheAgentsOwnCalls) {
  const auto own = static_cast<std::uint32_t>(getpid());
  syscall(kNobodysOther);
  EXPECT_TRUE(select(seen(), EVENT_syscalls, own).empty());
}

TEST_F(SyscallsTest, CountsNumbersBeyondTheTableAndTellsTheFirst) {
  const Cgroup cgroup("calls-larger");
  const std::uint64_t before = shared_sensor().syscall_counts().larger;
  act_in(cgroup, [] {
    for (const long number : {5000L, 6000L, long{SYSCALL_LARGER}, -1L}) syscall(number);
  });
  const auto told = calls(seen(), cgroup.id(), SYSCALLS_NATIVE, SYSCALL_LARGER);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].asked, 5000U);
  // -1 has every bit, that of x32 too.
  EXPECT_GE(shared_sensor().syscall_counts().larger - before, 4U);
}

TEST_F(SyscallsTest, TakesNoTableForAnother) {
  const Cgroup cgroup("calls-tables");
  constexpr long kGetpidOf32Bit = 20;  // writev of the 64-bit table
  act_in(cgroup, [] {
    for (int i = 0; i < 2; ++i) {
      syscall(x32(kNobodys));
      old_gate(kGetpidOf32Bit);
    }
  });
  const Records records = seen();
  const auto from_x32 = calls(records, cgroup.id(), SYSCALLS_X32, kNobodys);
  ASSERT_EQ(from_x32.size(), 1U);
  EXPECT_EQ(from_x32[0].asked, static_cast<std::uint32_t>(x32(kNobodys)));
  EXPECT_EQ(calls(records, cgroup.id(), SYSCALLS_32BIT, kGetpidOf32Bit).size(), 1U);
  EXPECT_TRUE(calls(records, cgroup.id(), SYSCALLS_NATIVE, kNobodys).empty());
  EXPECT_TRUE(calls(records, cgroup.id(), SYSCALLS_NATIVE, kGetpidOf32Bit).empty());
}

SensorOptions alone() { return {.only = {"cgroup", "syscalls"}}; }

void call_all_of_x32() {
  for (long number = 0; number < kHarmlessX32; ++number) syscall(x32(number));
}

std::multiset<std::uint32_t> told_of_x32(const Records& records, std::uint64_t cgroup) {
  std::multiset<std::uint32_t> numbers;
  for (const Record& one : select(records, EVENT_syscalls)) {
    const auto payload = one.payload<syscall_payload>();
    if (one.header.cgroup_id == cgroup && payload.table == SYSCALLS_X32) {
      numbers.insert(payload.number);
    }
  }
  return numbers;
}

/// What finds no room, or no quota, is counted, and comes when it is made again.
void expect_told_in_the_end(const SensorOptions& options, outcome lost) {
  Sensor sensor = open_sensor(options);
  const Cgroup cgroup("calls-lost");
  std::multiset<std::uint32_t> told;
  std::size_t first = 0;
  for (int round = 0; round < 20 && told.size() < kHarmlessX32; ++round) {
    act_in(cgroup, call_all_of_x32);
    told.merge(told_of_x32(drain(sensor), cgroup.id()));
    if (round == 0) first = told.size();
    usleep(1'100'000);  // the next window
  }
  EXPECT_LT(first, static_cast<std::size_t>(kHarmlessX32)) << "nothing was lost";
  EXPECT_EQ(told.size(), static_cast<std::size_t>(kHarmlessX32));
  EXPECT_EQ(std::set<std::uint32_t>(told.begin(), told.end()).size(), told.size()) << "each once";
  const auto books = books_of(sensor, cgroup.id());
  ASSERT_TRUE(books);
  EXPECT_GT(books->counts[EVENT_syscalls][lost], 0U);
}

TEST_F(SyscallsTest, TellsLaterWhatFoundNoRoom) {
  SensorOptions options = alone();
  options.ring_bytes = 4096;
  expect_told_in_the_end(options, OUTCOME_DROPPED);
}

TEST_F(SyscallsTest, TellsLaterWhatWasBeyondTheQuota) {
  SensorOptions options = alone();
  options.quota = {.urgent = 100, .bulk = 30, .reserved = 0};
  expect_told_in_the_end(options, OUTCOME_LIMITED);
}

/// The table of sets of the sensor that was opened last.
class Sets {
 public:
  Sets() : words_(std::size_t{SYSCALL_ROWS} * SYSCALL_WORDS) {
    for_each_map("syscall_sets", [this](int map, const bpf_map_info& /*info*/) {
      close(std::exchange(fd_, fcntl(map, F_DUPFD_CLOEXEC, 0)));
    });
    EXPECT_GE(fd_, 0);
  }
  ~Sets() { close(fd_); }
  Sets(const Sets&) = delete;
  Sets& operator=(const Sets&) = delete;

  /// Words that are somebody's, of the table of x32: nobody but a test has any.
  std::size_t words_of_x32() {
    read();
    std::size_t count = 0;
    for (std::uint32_t row = 0; row < SYSCALL_ROWS; ++row) {
      for (std::uint32_t number = 0; number < SYSCALL_NUMBERS; number += SYSCALL_FLAGS) {
        count += words_[syscall_word(row, syscall_member(SYSCALLS_X32, number))] != 0 ? 1U : 0U;
      }
    }
    return count;
  }
  /// Makes the member's word of every row another's, with every flag.
  void take_all(std::uint32_t member) const {
    for (std::uint32_t row = 0; row < SYSCALL_ROWS; ++row) {
      const __u32 key = syscall_word(row, member);
      const __u64 word = std::uint64_t{0xffff0000U} << 32U | 0xffffffffU;
      EXPECT_EQ(bpf_map_update_elem(fd_, &key, &word, BPF_ANY), 0);
    }
  }

 private:
  void read() {
    std::vector<__u32> keys(words_.size());
    __u32 position = 0;
    auto count = static_cast<__u32>(words_.size());
    (void)bpf_map_lookup_batch(fd_, nullptr, &position, keys.data(), words_.data(), &count,
                               nullptr);
    EXPECT_EQ(count, words_.size());
  }

  int fd_ = -1;
  std::vector<__u64> words_;
};

TEST_F(SyscallsTest, FreesTheSetOfACgroupThatGoes) {
  Sensor sensor = open_sensor(alone());
  Sets sets;
  const Cgroup cgroup("calls-gone");
  act_in(cgroup, call_all_of_x32);
  EXPECT_EQ(sets.words_of_x32(), (kHarmlessX32 + SYSCALL_FLAGS - 1) / SYSCALL_FLAGS);
  cgroup.remove();
  EXPECT_EQ(sets.words_of_x32(), 0U);
}

TEST_F(SyscallsTest, PushesOutWhereTheTableIsFullAndCountsIt) {
  Sensor sensor = open_sensor(alone());
  const Sets sets;
  const Cgroup cgroup("calls-full");
  sets.take_all(syscall_member(SYSCALLS_NATIVE, kNobodys));
  const std::uint64_t before = sensor.syscall_counts().evicted;
  act_in(cgroup, [] {
    for (int i = 0; i < 3; ++i) syscall(kNobodys);
  });
  EXPECT_EQ(calls(drain(sensor), cgroup.id(), SYSCALLS_NATIVE, kNobodys).size(), 1U)
      << "another's flag is not ours";
  EXPECT_EQ(sensor.syscall_counts().evicted - before, 1U);
}

TEST_F(SyscallsTest, IsNotToldAgainToTheNextAgent) {
  SensorOptions options = alone();
  options.pins = "/sys/fs/bpf/idtrail-calls";
  const Cgroup cgroup("calls-restart");
  auto first = std::make_unique<Sensor>(open_sensor(options));
  act_in(cgroup, [] { syscall(kNobodys); });
  EXPECT_EQ(calls(drain(*first), cgroup.id(), SYSCALLS_NATIVE, kNobodys).size(), 1U);
  first.reset();
  act_in(cgroup, [] { syscall(kNobodysOther); });
  {
    Sensor second = open_sensor(options);
    act_in(cgroup, [] {
      syscall(kNobodys);
      syscall(kNobodysOther);
    });
    const Records records = drain(second);
    EXPECT_TRUE(calls(records, cgroup.id(), SYSCALLS_NATIVE, kNobodys).empty());
    EXPECT_EQ(calls(records, cgroup.id(), SYSCALLS_NATIVE, kNobodysOther).size(), 1U)
        << "while no agent ran";
  }
  EXPECT_TRUE(Sensor::remove_pins(options.pins));
}

TEST_F(SyscallsTest, IsOffUnlessAskedFor) {
  const Sensor sensor = open_sensor({});
  EXPECT_TRUE(std::ranges::none_of(
      sensor.probes(), [](const ProbeStatus& probe) { return probe.name == kOffByDefault; }));
}

}  // namespace
}  // namespace idtrail::test
