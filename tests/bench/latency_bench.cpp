// SPDX-License-Identifier: Apache-2.0
// latency_bench FINDINGS PROGRAM FOLDER [idle]: from an event to its finding, in instructions, as
// JSON lines. Under QEMU's -icount only, where a nanosecond is an instruction.
//
// FINDINGS is a pipe that the agent writes its findings to, PROGRAM one that does nothing. Each
// event is an exec of it under another name, which is novel. The time runs from the record's, which
// the kernel half writes, to the moment at which a reader has the finding in its hands. The load is
// a process, no more than an equal of the agent, of which each listen(2) is an event: it calls it
// without a pause (flood), or half as often (half).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/result.h"

namespace idtrail::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr int kSamples = 200;
constexpr int kSamplesUnderLoad =
    60;  // emulated, a second of load takes ten; p99 is the worst then
constexpr milliseconds kPauseUnderLoad{60};
constexpr milliseconds kPause{350};       // between events; the agent is at rest again
constexpr milliseconds kLastWait{5'000};  // for the findings that are still under way
constexpr std::string_view kName = "latency-";

std::int64_t wall_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

/// Of the first "time":"2026-01-01T00:03:37.794134662Z".
std::int64_t event_ns(const std::string& finding) {
  const auto at = finding.find("\"time\":\"");
  tm when{};
  if (at == std::string::npos) return 0;
  const char* rest = strptime(finding.c_str() + at + 8, "%Y-%m-%dT%H:%M:%S", &when);
  return rest == nullptr ? 0 : timegm(&when) * 1'000'000'000LL + std::atoll(rest + 1);
}

/// The number in "latency-17"; -1 where the finding is on something else.
int sample_of(const std::string& finding) {
  const auto at = finding.find(kName);
  return at == std::string::npos ? -1 : std::atoi(finding.c_str() + at + kName.size());
}

class Findings {
 public:
  explicit Findings(const char* pipe) : fd_(open(pipe, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0) std::abort();
  }
  /// Reads for so long; notes how long each sample took.
  void read_for(nanoseconds time, std::map<int, std::int64_t>& took) {
    const auto end = steady_clock::now() + time;
    while (true) {
      const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
      pollfd wait{fd_, POLLIN, 0};
      if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) return;
      char bytes[65536];
      const ssize_t got = read(fd_, bytes, sizeof(bytes));
      const std::int64_t now = wall_ns();
      if (got > 0) take({bytes, static_cast<std::size_t>(got)}, now, took);
    }
  }

 private:
  void take(std::string_view bytes, std::int64_t now, std::map<int, std::int64_t>& took) {
    begun_ += bytes;
    for (auto end = begun_.find('\n'); end != std::string::npos; end = begun_.find('\n')) {
      const std::string finding = begun_.substr(0, end);
      begun_.erase(0, end + 1);
      if (const int sample = sample_of(finding); sample >= 0)
        took.try_emplace(sample, now - event_ns(finding));
    }
  }

  int fd_;
  std::string begun_;
};

/// A process that listens again and again, as often as it may or `per_second` times.
class Load {
 public:
  explicit Load(std::uint64_t per_second)
      : done_(static_cast<std::atomic<std::uint64_t>*>(mmap(
            nullptr, sizeof(*done_), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
        child_(fork()) {
    if (child_ == 0) work(per_second);
  }
  ~Load() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  [[nodiscard]] double per_second() const {
    return static_cast<double>(done_->load()) /
           std::chrono::duration<double>(steady_clock::now() - begun_).count();
  }

 private:
  [[noreturn]] void work(std::uint64_t per_second) {
    for (std::uint64_t i = 0;; ++i) {
      const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (listen(socket_fd, 1) != 0) _exit(1);
      close(socket_fd);
      done_->fetch_add(1);
      if (per_second != 0 && i % 10 == 9)
        std::this_thread::sleep_for(nanoseconds(10'000'000'000 / per_second));
    }
  }

  std::atomic<std::uint64_t>* done_;
  steady_clock::time_point begun_ = steady_clock::now();
  pid_t child_;
};

void execute(const std::string& program) {
  char* const argv[] = {const_cast<char*>(program.c_str()), nullptr};
  char* const environment[] = {nullptr};
  const pid_t child = vfork();
  if (child == 0) {
    execve(program.c_str(), argv, environment);
    _exit(1);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) std::abort();
}

void print(const std::string& metric, std::int64_t value, std::int64_t spread) {
  print_result(metric, "insn", static_cast<double>(value), static_cast<double>(spread),
               "tests/vm/run --kernel 6.1 --icount -- BIN=build/bench/bin tests/bench/latency");
}

class Bench {
 public:
  Bench(const char* pipe, std::string program, std::string folder)
      : findings_(pipe), program_(std::move(program)), folder_(std::move(folder)) {}

  /// True where every event had its finding.
  bool measure(const std::string& load) {
    const bool idle = load == "idle";
    const auto samples = static_cast<std::size_t>(idle ? kSamples : kSamplesUnderLoad);
    const milliseconds pause = idle ? kPause : kPauseUnderLoad;
    std::map<int, std::int64_t> took;
    findings_.read_for(std::chrono::seconds(2), took);
    const int first = next_;
    for (std::size_t i = 0; i < samples; ++i) {
      const std::string name = fmt::format("{}/{}{}", folder_, kName, next_++);
      std::filesystem::create_hard_link(program_, name);
      execute(name);
      findings_.read_for(pause + milliseconds(i % 17), took);
    }
    if (took.size() < samples) findings_.read_for(kLastWait, took);
    std::vector<std::int64_t> each;
    for (const auto& [sample, ns] : took) {
      if (sample >= first) each.push_back(ns);
    }
    std::ranges::sort(each);
    fmt::print(stderr, "{}: {} of {} findings", load, each.size(), samples);
    if (!each.empty()) {
      const std::int64_t p50 = each[each.size() / 2];
      const std::int64_t p99 = each[each.size() * 99 / 100];
      fmt::print(stderr, ", p50 {} p99 {} most {}", p50, p99, each.back());
      const std::string suffix = idle ? "" : "." + load;
      print("latency.urgent_p50_insn" + suffix, p50, 0);
      print("latency.urgent_p99_insn" + suffix, p99, each.back() - p99);
    }
    fmt::print(stderr, "\n");
    return each.size() == samples;
  }

 private:
  Findings findings_;
  std::string program_;
  std::string folder_;
  int next_ = 0;
};

bool run(Bench& bench, bool idle_alone) {
  bool whole = bench.measure("idle");
  if (idle_alone) return whole;
  double flood_rate = 0;
  {
    const Load load(0);
    whole = bench.measure("flood") && whole;
    flood_rate = load.per_second();
  }
  const Load load(static_cast<std::uint64_t>(flood_rate / 2));
  whole = bench.measure("half") && whole;
  fmt::print(stderr, "listens a second: flood {:.0f}, half {:.0f}\n", flood_rate,
             load.per_second());
  return whole;
}

}  // namespace
}  // namespace idtrail::bench

int main(int argc, char** argv) {
  const bool idle_alone = argc == 5 && std::string_view(argv[4]) == "idle";
  if (argc != 4 && !idle_alone) return 2;
  signal(SIGPIPE, SIG_IGN);
  idtrail::bench::Bench bench(argv[1], argv[2], argv[3]);
  return idtrail::bench::run(bench, idle_alone) ? 0 : 1;
}
