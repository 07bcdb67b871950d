// SPDX-License-Identifier: Apache-2.0
// What outlives an agent. The left side of every balance is what the acting program counted.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <map>
#include <new>
#include <thread>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kernel/sensor.h"
#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kPins = "/sys/fs/bpf/idtrail-test";
constexpr std::uint32_t kRing = 4U << 20U;

SensorOptions pinned() {
  SensorOptions options;
  options.ring_bytes = kRing;
  options.quota = {.urgent = UINT32_MAX, .bulk = UINT32_MAX, .reserved = 0};
  options.only = {"cgroup", "fork", "exit"};
  options.skip_tgid = 1;  // this process acts as well
  options.pins = kPins;
  return options;
}

Sensor open_sensor(const SensorOptions& options) {
  auto sensor = Sensor::open(options);
  EXPECT_TRUE(sensor) << sensor.error().message;
  return std::move(*sensor);
}

/// A cgroup of its own, in which children do what is counted.
class Load {
 public:
  Load() : place_(cgroup_root() + "/restart-" + std::to_string(++number_)) {
    EXPECT_EQ(mkdir(place_.c_str(), 0755), 0) << place_;
    id_ = inode_of(place_);
  }
  ~Load() { rmdir(place_.c_str()); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Forks children that only exit, until `enough` says so of their number.
  void fork_until(const std::function<bool(int)>& enough) const {
    write_file(place_ + "/cgroup.procs", "0");
    for (int made = 0; !enough(made); ++made) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      waitpid(child, nullptr, 0);
    }
  }
  void fork_children(int count) const {
    const Acted done = in_child([&] {
      fork_until([&](int made) { return made == count; });
      return 0;
    });
    EXPECT_EQ(done.status, 0);
  }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  /// Its forks among the records, by child, with how often each came.
  [[nodiscard]] std::map<std::uint32_t, int> forks(const Records& records) const {
    std::map<std::uint32_t, int> found;
    for (const Record& record : select(records, EVENT_fork)) {
      if (record.header.cgroup_id == id_) ++found[record.payload<fork_payload>().child_tgid];
    }
    return found;
  }
  [[nodiscard]] std::array<std::uint64_t, OUTCOMES> books(const Sensor& sensor) const {
    std::array<std::uint64_t, OUTCOMES> found{};
    EXPECT_TRUE(sensor.books([&](const CgroupBooks& one) {
      if (one.cgroup_id == id_) found = one.counts[EVENT_fork];
    }));
    return found;
  }

 private:
  inline static int number_ = 0;
  std::string place_;
  std::uint64_t id_ = 0;
};

bool each_came_once(const std::map<std::uint32_t, int>& forks) {
  return std::ranges::all_of(forks, [](const auto& one) { return one.second == 1; });
}

std::size_t links_in_kernel() {
  std::size_t count = 0;
  for (__u32 id = 0; bpf_link_get_next_id(id, &id) == 0;) ++count;
  return count;
}

std::vector<std::string> sets() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(kPins)) {
    if (entry.is_directory()) found.push_back(entry.path().string());
  }
  return found;
}

void wait_until(const std::function<bool()>& condition) {
  for (int i = 0; i < 60'000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_TRUE(condition());
}

class RestartTest : public testing::Test {
 protected:
  void SetUp() override { links_ = links_in_kernel(); }
  void TearDown() override {
    const auto removed = Sensor::remove_pins(kPins);
    EXPECT_TRUE(removed) << removed.error().message;
    EXPECT_FALSE(fs::exists(kPins));
    // The kernel frees what lost its last name a moment later.
    wait_until([this] { return links_in_kernel() == links_; });
  }

 private:
  std::size_t links_ = 0;
};

TEST_F(RestartTest, DeliversWhatCameWhileNoAgentRan) {
  std::string hook;
  auto first = std::make_unique<Sensor>(open_sensor(pinned()));
  EXPECT_FALSE(first->takeover().found);
  for (const ProbeStatus& probe : first->probes()) EXPECT_TRUE(probe.kept) << probe.name;
  hook = first->probes()[1].hook;
  const Load load;
  load.fork_children(30);
  first.reset();
  load.fork_children(20);
  Sensor second = open_sensor(pinned());
  EXPECT_TRUE(second.takeover().found);
  EXPECT_EQ(second.takeover().lost + second.takeover().unattended, 0U);
  EXPECT_EQ(second.probes()[1].hook, hook);
  load.fork_children(10);
  const auto forks = load.forks(drain(second));
  EXPECT_EQ(forks.size(), 60U);
  EXPECT_TRUE(each_came_once(forks));
  EXPECT_EQ(load.books(second)[OUTCOME_DELIVERED], 60U);
}

TEST_F(RestartTest, CountsWhatFoundNoRoomMeanwhile) {
  SensorOptions options = pinned();
  options.ring_bytes = 4096;
  { Sensor first = open_sensor(options); }
  const std::uint64_t before = boot_now_ns();
  const Load load;
  load.fork_children(200);
  Sensor second = open_sensor(options);
  const Takeover& gap = second.takeover();
  EXPECT_LE(gap.alive_boot_ns, before);
  EXPECT_GE(gap.until_boot_ns, before);
  const auto books = load.books(second);
  EXPECT_EQ(books[OUTCOME_DELIVERED] + books[OUTCOME_DROPPED], 200U);
  EXPECT_GE(gap.lost, books[OUTCOME_DROPPED]);
  EXPECT_GT(books[OUTCOME_DROPPED], 0U);
  EXPECT_EQ(load.forks(drain(second)).size(), books[OUTCOME_DELIVERED]);
}

/// What a reader that may be killed at any moment has seen; shared with it.
struct Seen {
  std::atomic<std::uint32_t> readers = 0;
  std::atomic<std::uint32_t> stop = 0;
  std::atomic<std::uint32_t> made = 0;
  std::atomic<std::uint64_t> handed_again = 0;
  std::atomic<std::uint64_t> lost = 0;
  std::atomic<std::uint32_t> count = 0;
  std::uint32_t children[1U << 18U] = {};
};

void read_for_ever(const Load& load, Seen& seen) {
  Sensor sensor = open_sensor(pinned());
  seen.handed_again += sensor.takeover().handed_again;
  ++seen.readers;
  while (true) {
    sensor.poll(milliseconds(1), [&](std::span<const std::byte> bytes) {
      event_header header{};
      fork_payload fork{};
      std::memcpy(&header, bytes.data(), sizeof(header));
      if (header.kind != EVENT_fork || header.cgroup_id != load.id()) return;
      std::memcpy(&fork, bytes.data() + sizeof(header), sizeof(fork));
      seen.children[seen.count.load() % std::size(seen.children)] = fork.child_tgid;
      ++seen.count;
    });
    sensor.beat();
  }
}

TEST_F(RestartTest, LosesNothingToAKilledAgent) {
  constexpr int kKills = 20;
  { Sensor first = open_sensor(pinned()); }  // so that the load's cgroup is seen when it is made
  const Load load;
  void* memory =
      mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Seen& seen = *new (memory) Seen;
  const pid_t actor = fork();
  if (actor == 0) {
    load.fork_until([&](int made) {
      seen.made = static_cast<std::uint32_t>(made);
      return seen.stop != 0;
    });
    _exit(0);
  }
  for (std::uint32_t kill_number = 1; kill_number <= kKills; ++kill_number) {
    const pid_t reader = fork();
    if (reader == 0) {
      read_for_ever(load, seen);
      _exit(1);
    }
    wait_until([&] { return seen.readers == kill_number; });
    const std::uint32_t before = seen.count;
    wait_until([&] { return seen.count > before + kill_number % 7; });
    kill(reader, SIGKILL);
    waitpid(reader, nullptr, 0);
  }
  seen.stop = 1;
  waitpid(actor, nullptr, 0);
  Sensor last = open_sensor(pinned());
  std::map<std::uint32_t, int> forks = load.forks(drain(last));
  ASSERT_LT(seen.count, std::size(seen.children));
  for (std::uint32_t i = 0; i < seen.count; ++i) ++forks[seen.children[i]];
  const auto books = load.books(last);
  // Where a kernel preempts a program, its run for whoever comes next is missed, and counted.
  const std::uint64_t counted = books[OUTCOME_DELIVERED] + books[OUTCOME_DROPPED];
  EXPECT_LE(counted, seen.made);
  EXPECT_GE(counted + last.missed_runs(), seen.made) << "what the load did";
  EXPECT_EQ(forks.size(), books[OUTCOME_DELIVERED]) << "each is here";
  std::uint64_t again = 0;
  for (const auto& [child, times] : forks) again += static_cast<std::uint64_t>(times) - 1;
  EXPECT_LE(again, seen.handed_again + last.takeover().handed_again) << "twice, and it was said";
  munmap(memory, sizeof(Seen));
}

TEST_F(RestartTest, GivesEveryEventToOneOfTwoSets) {
  auto old = std::make_unique<Sensor>(open_sensor(pinned()));
  const Load load;
  void* memory =
      mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Seen& seen = *new (memory) Seen;
  const pid_t actor = fork();
  if (actor == 0) {
    close_range(3, ~0U, 0);  // the folder's lock among them
    load.fork_until([&](int made) {
      seen.made = static_cast<std::uint32_t>(made);
      return seen.stop != 0;
    });
    _exit(0);
  }
  wait_until([&] { return seen.made > 20; });
  old.reset();
  SensorOptions other = pinned();
  other.ring_bytes = 2 * kRing;  // another shape: nothing of the old set can be used
  Sensor upgraded = open_sensor(other);
  const std::uint32_t at_upgrade = seen.made;
  wait_until([&] { return seen.made > at_upgrade + 20; });
  seen.stop = 1;
  waitpid(actor, nullptr, 0);
  EXPECT_TRUE(upgraded.takeover().found);
  EXPECT_EQ(upgraded.takeover().unreadable, 0U);
  const auto forks = load.forks(drain(upgraded));
  EXPECT_EQ(forks.size(), seen.made);
  EXPECT_TRUE(each_came_once(forks));
  EXPECT_EQ(load.books(upgraded)[OUTCOME_DELIVERED], seen.made) << "the old set's are folded in";
  EXPECT_EQ(sets().size(), 1U) << "and the old set is gone";
  munmap(memory, sizeof(Seen));
}

/// A verdict on what the record tells, of an act that is all lineage.
void know(Sensor& sensor, const Record& record) {
  sensor.known().insert(sensor.known().key_of(behaviour_of(record)));
}

/// The one record of that kind by this process since the last call.
Record own(Sensor& sensor, event_kind kind) {
  const Records records = select(drain(sensor), kind, static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(records.size(), 1U);
  return records.empty() ? Record{} : records[0];
}

// The next agent finds in /proc what runs, so it waits for the end of that.
TEST_F(RestartTest, SendsTheEndOfAProcessThatTheFormerAgentHeardNothingOf) {
  int gate[2];
  ASSERT_EQ(pipe2(gate, O_CLOEXEC), 0);
  pid_t survivor = -1;
  {
    Sensor first = open_sensor(pinned());
    in_child([] { return 0; });
    know(first, own(first, EVENT_fork));
    survivor = fork();
    if (survivor == 0) {
      char byte = 0;
      dup2(gate[0], STDIN_FILENO);
      close_range(STDERR_FILENO + 1, ~0U, 0);  // the agent's lock among them
      _exit(static_cast<int>(read(STDIN_FILENO, &byte, 1)));
    }
    EXPECT_TRUE(select(drain(first), EVENT_fork).empty()) << "it is known";
  }
  Sensor second = open_sensor(pinned());
  in_child([] { return 0; });
  Record end = own(second, EVENT_fork);
  end.header.kind = EVENT_exit;  // of the same lineage
  know(second, end);
  close(gate[1]);
  waitpid(survivor, nullptr, 0);
  close(gate[0]);
  EXPECT_EQ(select(drain(second), EVENT_exit, static_cast<std::uint32_t>(survivor)).size(), 1U);
}

TEST_F(RestartTest, CountsTheRecordsOfAnotherContract) {
  { Sensor old = open_sensor(pinned()); }
  const Load load;
  load.fork_children(15);
  const std::string set = sets().at(0);
  std::string foreign = set;  // as a build with another wire contract would have called it
  const std::string own = "set-1-" + std::to_string(IDTRAIL_WIRE_CONTRACT) + "-";
  foreign.replace(foreign.find(own), own.size(), "set-1-99-");
  ASSERT_EQ(rename(set.c_str(), foreign.c_str()), 0);
  Sensor upgraded = open_sensor(pinned());
  EXPECT_TRUE(upgraded.takeover().found);
  EXPECT_GE(upgraded.takeover().unreadable, 30U) << "forks and exits";
  EXPECT_TRUE(load.forks(drain(upgraded)).empty());
  load.fork_children(5);
  EXPECT_EQ(load.forks(drain(upgraded)).size(), 5U);
  EXPECT_EQ(sets().size(), 1U);
}

TEST_F(RestartTest, FallsSilentWithoutAnAgentAndGoesOnWithOne) {
  SensorOptions options = pinned();
  options.patience = milliseconds(200);
  std::uint64_t last = 0;
  {
    Sensor first = open_sensor(options);
    first.beat();
    last = boot_now_ns();
  }
  wait_until([&] { return boot_now_ns() > last + 300'000'000; });
  const Load load;
  load.fork_children(25);
  options.patience = milliseconds(0);  // an emulated machine is slow to do the rest
  Sensor second = open_sensor(options);
  const Takeover& gap = second.takeover();
  EXPECT_GE(gap.unattended, 50U) << "forks and exits";
  EXPECT_LE(gap.alive_boot_ns, last);
  EXPECT_GT(gap.until_boot_ns, last + 300'000'000);
  EXPECT_TRUE(load.forks(drain(second)).empty());
  load.fork_children(5);
  EXPECT_EQ(load.forks(drain(second)).size(), 5U);
}

TEST_F(RestartTest, ASecondAgentIsRefused) {
  Sensor first = open_sensor(pinned());
  EXPECT_EQ(Sensor::open(pinned()).error().code, Errc::kUnavailable);
  EXPECT_EQ(Sensor::remove_pins(kPins).error().code, Errc::kUnavailable);
}

TEST_F(RestartTest, StartsAnewAfterADeathInTheMiddleOfTheStart) {
  const pid_t child = fork();
  if (child == 0) {
    const auto sensor = Sensor::open(pinned());
    _exit(sensor ? 0 : 1);
  }
  wait_until(
      [] { return fs::exists(kPins) && !sets().empty() && fs::exists(sets()[0] + "/cgroup"); });
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  Sensor second = open_sensor(pinned());
  EXPECT_EQ(sets().size(), 1U);
  const Load load;
  load.fork_children(5);
  EXPECT_EQ(load.forks(drain(second)).size(), 5U);
}

TEST(PinsTest, AFolderOnAnotherFileSystemIsRefused) {
  const Folder folder;
  SensorOptions options = pinned();
  options.pins = folder / "pins";
  EXPECT_EQ(Sensor::open(options).error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace idtrail::test
