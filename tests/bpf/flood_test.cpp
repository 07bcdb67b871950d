// SPDX-License-Identifier: Apache-2.0
// Floods. What happened is counted by the loads themselves, in memory that they share with the
// test. IDTRAIL_FLOOD=full takes the sizes that are promised; by default they are a part of them,
// since an emulated machine needs half an hour and more for the whole, most of it to start
// programs.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/cgroup.h"

namespace idtrail::test {
namespace {

constexpr int kContainers = 50;
constexpr std::uint32_t kSmallRing = 64U << 10U;
constexpr std::uint16_t kNobodyListens = 9;
using std::chrono::milliseconds;

bool is_full() {
  const char* asked = std::getenv("IDTRAIL_FLOOD");
  return asked != nullptr && std::string_view(asked) == "full";
}

/// What one load has done; lives in memory that is shared with it.
struct Done {
  std::atomic<std::uint64_t> opens, execs, connects, forks;
};

class Tally {
 public:
  Tally()
      : done_(static_cast<Done*>(mmap(nullptr, sizeof(Done) * kContainers, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Tally() { munmap(done_, sizeof(Done) * kContainers); }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  Done& operator[](int which) { return done_[which]; }

 private:
  Done* done_;
};

/// Says every half minute how far the loads are: the whole takes many of them.
class Progress {
 public:
  explicit Progress(Tally& tally) : tally_(tally) {}
  void tell() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::seconds(30);
    std::uint64_t opens = 0;
    std::uint64_t connects = 0;
    std::uint64_t execs = 0;
    for (int i = 0; i < kContainers; ++i) {
      opens += tally_[i].opens;
      connects += tally_[i].connects;
      execs += tally_[i].execs;
    }
    std::cout << opens << " opens, " << connects << " connects, " << execs << " execs" << std::endl;
  }

 private:
  Tally& tally_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

/// A volume whose file is a credential, to a sensor that looks at reads.
class Volume {
 public:
  explicit Volume(Sensor& sensor) : mount_(folder_ / "volume") {
    write_file(token_, "secret");
    const std::uint32_t device = mount_.device();
    EXPECT_TRUE(sensor.set_volume(device, VOLUME_CREDENTIAL, sensor.volume_generation(device)));
  }
  void read(Done& done) const {
    const int file = open(token_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file >= 0) ++done.opens;
    close(file);
  }

 private:
  Folder folder_;
  Tmpfs mount_;
  std::string token_ = folder_ / "volume/token";
};

void connect_once(Done& done) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kNobodyListens);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) ++done.connects;
  close(socket);
}

void exec_once(const char* program, Done& done) {
  const pid_t child = vfork();  // to copy this process's memory would be most of the work
  if (child == 0) {
    execl(program, program, nullptr);
    _exit(127);
  }
  if (child > 0) ++done.forks;
  int status = 0;
  if (waitpid(child, &status, 0) == child && status == 0) ++done.execs;
}

/// Starts a process in the cgroup, which does `act` and ends.
template <typename Act>
pid_t start_in(const Cgroup& cgroup, Act act) {
  const pid_t child = fork();
  if (child != 0) return child;
  cgroup.enter();
  act();
  _exit(0);
}

/// Records by cgroup and kind.
class Received {
 public:
  void take(Sensor& sensor) {
    for (const Record& one : drain(sensor)) ++counts_[{one.header.cgroup_id, one.header.kind}];
  }
  std::uint64_t of(const Cgroup& cgroup, std::uint16_t kind) {
    return counts_[{cgroup.id(), kind}];
  }

 private:
  std::map<std::pair<std::uint64_t, std::uint16_t>, std::uint64_t> counts_;
};

/// The equation of the ledger: what the load did = what the books say, and what they say was
/// delivered was received. A preemptible kernel does not run a program that it has preempted on the
/// same CPU: those runs are no events to the books, and counted by themselves.
class Balance {
 public:
  Balance(const Sensor& sensor, Received& received) : sensor_(sensor), received_(received) {}
  void expect(const Cgroup& cgroup, std::uint16_t kind, std::uint64_t done) {
    const auto books = books_of(sensor_, cgroup.id());
    ASSERT_TRUE(books);
    const std::uint64_t seen = sum(books->counts[kind]);
    EXPECT_LE(seen, done) << "kind " << kind;
    EXPECT_EQ(books->counts[kind][OUTCOME_DELIVERED], received_.of(cgroup, kind))
        << "kind " << kind;
    unseen_ += done - std::min(seen, done);
  }
  /// As expect(), and nothing of it was limited or dropped.
  void expect_whole(const Cgroup& cgroup, std::uint16_t kind, std::uint64_t done) {
    expect(cgroup, kind, done);
    const auto books = books_of(sensor_, cgroup.id());
    ASSERT_TRUE(books);
    EXPECT_EQ(books->counts[kind][OUTCOME_DELIVERED], sum(books->counts[kind])) << "kind " << kind;
  }
  ~Balance() {
    const std::uint64_t missed = sensor_.missed_runs();
    EXPECT_LE(unseen_, missed) << "exact where no run was missed";
    if (missed != 0) std::cout << unseen_ << " events unseen, " << missed << " runs missed\n";
  }
  Balance(const Balance&) = delete;
  Balance& operator=(const Balance&) = delete;

 private:
  const Sensor& sensor_;
  Received& received_;
  std::uint64_t unseen_ = 0;
};

TEST(FloodTest, FiftyContainersAndASmallRingBalanceToTheUnit) {
  const int part = is_full() ? 1 : 200;
  const int opens = 20000 / part;
  const int execs = 2000 / part;
  const int connects = 2000 / part;
  Sensor sensor =
      open_sensor({.ring_bytes = kSmallRing,
                   .only = {"cgroup", "mount", "fork", "exec", "exit", "credential", "connect"}});
  const Volume volume(sensor);
  const std::string program = exec_target();
  Tally tally;
  std::vector<std::unique_ptr<Cgroup>> cgroups;
  std::vector<pid_t> loads;
  for (int i = 0; i < kContainers; ++i) {
    cgroups.push_back(std::make_unique<Cgroup>("flood-" + std::to_string(i)));
    loads.push_back(start_in(*cgroups.back(), [&] {
      for (int n = 0; n < opens; ++n) volume.read(tally[i]);
      for (int n = 0; n < connects; ++n) connect_once(tally[i]);
      for (int n = 0; n < execs; ++n) exec_once(program.c_str(), tally[i]);
    }));
  }
  Received received;
  Progress progress(tally);
  for (std::size_t ended = 0; ended < loads.size();) {
    received.take(sensor);
    progress.tell();
    if (waitpid(-1, nullptr, WNOHANG) > 0) ++ended;
    if (is_full()) std::this_thread::sleep_for(milliseconds(100));  // a reader that lags behind
  }
  received.take(sensor);
  std::uint64_t lost = 0;
  Balance balance(sensor, received);
  for (int i = 0; i < kContainers; ++i) {
    const Cgroup& one = *cgroups[static_cast<std::size_t>(i)];
    EXPECT_EQ(tally[i].opens, static_cast<std::uint64_t>(opens));
    balance.expect(one, EVENT_credential, tally[i].opens);
    balance.expect(one, EVENT_connect, tally[i].connects);
    balance.expect(one, EVENT_exec, tally[i].execs);
    balance.expect(one, EVENT_fork, tally[i].forks);
    balance.expect(one, EVENT_exit, tally[i].forks + 1);
    const auto books = books_of(sensor, one.id());
    lost += books->counts[EVENT_credential][OUTCOME_DROPPED];
  }
  EXPECT_GT(lost, 0U) << "the ring was not small enough to lose anything";
}

TEST(FloodTest, ABurstOfOnePodBehindAStoppedReaderTakesNothingFromOthers) {
  constexpr int kBurst = 30000;
  constexpr int kFew = 50;
  Sensor sensor = open_sensor({.only = {"cgroup", "mount", "credential", "fork"}});
  const Volume volume(sensor);
  const Cgroup noisy("flood-noisy");
  const Cgroup quiet("flood-quiet");
  Tally tally;
  Received received;
  received.take(sensor);
  const pid_t burst = start_in(noisy, [&] {
    for (int i = 0; i < kBurst; ++i) volume.read(tally[0]);
  });
  const pid_t other = start_in(quiet, [&] {
    for (int i = 0; i < kFew; ++i) {
      volume.read(tally[1]);
      std::this_thread::sleep_for(milliseconds(20));  // all along the burst
    }
  });
  EXPECT_EQ(waitpid(burst, nullptr, 0), burst);
  EXPECT_EQ(waitpid(other, nullptr, 0), other);

  received.take(sensor);  // one look at the rings, and all is there
  EXPECT_EQ(tally[0].opens, static_cast<std::uint64_t>(kBurst));
  {
    Balance balance(sensor, received);
    balance.expect(noisy, EVENT_credential, kBurst);
    balance.expect_whole(quiet, EVENT_credential, kFew);
  }
  const auto books = books_of(sensor, noisy.id());
  ASSERT_TRUE(books);
  const auto& counts = books->counts[EVENT_credential];
  EXPECT_GT(counts[OUTCOME_LIMITED] + counts[OUTCOME_DROPPED], 0U);

  // The next window is as if nothing had been.
  std::this_thread::sleep_for(std::chrono::nanoseconds(1ULL << WINDOW_SHIFT));
  const std::uint64_t before = received.of(noisy, EVENT_credential);
  const pid_t later = start_in(noisy, [&] { volume.read(tally[2]); });
  EXPECT_EQ(waitpid(later, nullptr, 0), later);
  received.take(sensor);
  EXPECT_EQ(received.of(noisy, EVENT_credential), before + 1);
}

TEST(FloodTest, AForkBombTakesNoReadFromOthers) {
  constexpr int kReads = 200;
  constexpr const char* kMost = "64";
  write_file(cgroup_root() + "/cgroup.subtree_control", "+pids");
  Sensor sensor = open_sensor({.only = {"cgroup", "mount", "fork", "exit", "credential"}});
  const Volume volume(sensor);
  const Cgroup bomb("flood-bomb");
  const Cgroup quiet("flood-quiet");
  write_file(bomb / "pids.max", kMost);
  Tally tally;
  const pid_t first = start_in(bomb, [&] {
    while (true) {
      if (fork() > 0) ++tally[0].forks;
    }
  });
  Received received;
  const pid_t reader = start_in(quiet, [&] {
    for (int i = 0; i < kReads; ++i) {
      volume.read(tally[1]);
      std::this_thread::sleep_for(milliseconds(2));
    }
  });
  while (waitpid(reader, nullptr, WNOHANG) == 0) received.take(sensor);
  bomb.kill_all();
  EXPECT_EQ(waitpid(first, nullptr, 0), first);
  received.take(sensor);
  EXPECT_EQ(tally[1].opens, static_cast<std::uint64_t>(kReads));
  Balance balance(sensor, received);
  balance.expect_whole(quiet, EVENT_credential, kReads);
  EXPECT_GT(tally[0].forks, 0U);
}

}  // namespace
}  // namespace idtrail::test
