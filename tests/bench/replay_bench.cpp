// SPDX-License-Identifier: Apache-2.0
// replay_bench [EVENTS [RUNS]]: events a second from a recording to verdicts, on one core, as JSON
// lines. replay_bench --known|--novel EVENTS: one run, for an instruction counter.
//
// A hundred pods behave as they always do: a known program forks, runs, reads its token, connects
// and ends. Nothing of it is new once it has been learned, so this is the cost of known events. The
// novel ones are connects to ever new places after that, with their findings as JSON.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "agent/replay.h"
#include "core/detect/finding.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail::testing {
namespace {

constexpr std::uint64_t kPods = 100;
constexpr std::uint64_t kPauseNs = 20'000;

struct Workload {
  std::uint64_t cgroup = 0;
  std::uint32_t device = 0;
  Act app;
};

std::string numbered(const char* format, std::uint64_t number) {
  char text[128];
  std::snprintf(text, sizeof(text), format, static_cast<unsigned long long>(number));
  return text;
}

Workload start(Tape& tape, std::uint64_t i) {
  const std::string uid = numbered("%08llx-aaaa-4bbb-8ccc-1234567890ab", i);
  const std::string id = numbered("%064llx", i);
  const Workload made{.cgroup = 1000 + 2 * i,
                      .device = static_cast<std::uint32_t>(200 + i),
                      .app = {.at = kSecond,
                              .cgroup = 1000 + 2 * i,
                              .tgid = static_cast<std::uint32_t>(10000 + i),
                              .start = kSecond + i}};
  const std::string pod = "/kubepods/burstable/pod" + uid;
  tape.feed(cgroup_record({}, made.cgroup + 1, kRootCgroup, pod));
  tape.fact(token_volume_fact(made.device, uid, kTokenInode));
  tape.feed(cgroup_record({}, made.cgroup, made.cgroup + 1, pod + "/" + id));
  v1::Fact container = container_fact(id, uid);
  container.mutable_container()->set_owner_name("web-" + std::to_string(i % 25));
  tape.fact(container);
  Act outside = made.app;
  outside.cgroup = kRuntimeCgroup;
  tape.feed(fork_record({.cgroup = kRuntimeCgroup, .tgid = 50, .start = 5}, outside));
  tape.feed(exec_record(outside, {.path = "/usr/bin/runc", .flags = EXEC_HOST_MNTNS}));
  tape.feed(exec_record(made.app, kNodeJs));
  return made;
}

/// One request: the application and a child of it at work. Eight events.
std::uint64_t work(Tape& tape, const Workload& pod, std::uint64_t round, std::uint64_t at) {
  Act app = pod.app;
  app.at = at;
  const file_id token{.inode = kTokenInode, .device = pod.device, .generation = 0};
  Act child{.at = at,
            .cgroup = pod.cgroup,
            .tgid = static_cast<std::uint32_t>(100000 + round % 3000000),
            .start = at};
  Program shell = kShellImage;
  shell.args =
      std::string("sh\0-c\0/app/check --interval 10 --target http://127.0.0.1:8080/healthz", 70);
  tape.feed(fork_record(app, child));
  tape.feed(exec_record(child, shell, app));
  tape.feed(credential_record(app, kNodeJs, token, "token"));
  tape.feed(connect_record(app, kNodeJs, kApiServer, 443));
  tape.feed(
      connect_record(app, kNodeJs, 0x0A600000 + static_cast<std::uint32_t>(round % 16), 5432));
  tape.feed(exec_record(child, kCurlImage, app));
  tape.feed(connect_record(child, kCurlImage, 0x7F000001, 8080));
  tape.feed(exit_record(child));
  return 8;
}

std::vector<Workload> start_all(Tape& tape) {
  tape.fact(cgroup_fact(kRootCgroup, 0, "/"));
  tape.fact(cgroup_fact(kRuntimeCgroup, kRootCgroup, "/system.slice/containerd.service"));
  std::vector<Workload> pods;
  for (std::uint64_t i = 0; i < kPods; ++i) pods.push_back(start(tape, i));
  return pods;
}

Bytes make_recording(std::uint64_t events) {
  Tape tape;
  const std::vector<Workload> pods = start_all(tape);
  std::uint64_t at = 2 * kSecond;
  std::uint64_t made = 0;
  for (std::uint64_t round = 0; made < events; ++round) {
    made += work(tape, pods[round * 7 % kPods], round, at);
    at += kPauseNs;
  }
  return tape.bytes();
}

Bytes make_novel(std::uint64_t events) {
  Tape tape;
  const std::vector<Workload> pods = start_all(tape);
  std::uint64_t at = 2 * kSecond;
  for (std::uint64_t i = 0; i < kPods; ++i) work(tape, pods[i], i, at);
  at += 100 * kSecond;  // learning is over
  for (std::uint64_t i = 0; i < events; ++i) {
    Act app = pods[i % kPods].app;
    app.at = at += kPauseNs;
    tape.feed(connect_record(app, kNodeJs, 0x0B000000 + static_cast<std::uint32_t>(i), 443));
  }
  return tape.bytes();
}

/// One run; a novel event's finding goes as far as its line of JSON.
int run_once(const Bytes& recording) {
  std::uint64_t bytes = 0;
  const auto report = replay(
      recording, [&bytes](const v1::Finding& finding) { bytes += to_json_line(finding).size(); });
  if (!report || report->damage) return 1;
  std::printf("%llu findings of %llu bytes\n", static_cast<unsigned long long>(report->findings),
              static_cast<unsigned long long>(bytes));
  return 0;
}

double core_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Timed {
  double per_second = 0;
  ReplayReport report;
};

Timed time_one(const Bytes& recording) {
  // Time of the core, not of the wall: other work on the machine is none of ours.
  const double started = core_seconds();
  auto report = replay(recording, nullptr);
  const double took = core_seconds() - started;
  if (!report || report->damage) {
    std::fprintf(stderr, "replay_bench: the recording does not replay\n");
    std::exit(1);
  }
  return {.per_second = static_cast<double>(report->records) / took, .report = std::move(*report)};
}

int run(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[1] : "";
  const bool once = mode == "--known" || mode == "--novel";
  const char* count = once ? argv[2] : argc > 1 ? argv[1] : "2000000";
  const std::uint64_t events = std::strtoull(count, nullptr, 10);
  if (once) return run_once(mode == "--novel" ? make_novel(events) : make_recording(events));
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  const Bytes recording = make_recording(events);
  std::vector<double> rates;
  Timed last;
  for (int i = 0; i < std::max(runs, 1); ++i) {
    last = time_one(recording);
    rates.push_back(last.per_second);
  }
  std::ranges::sort(rates);
  const double median = rates[rates.size() / 2];
  std::printf(
      "{\"metric\":\"replay.events_per_second\",\"value\":%.0f,\"unit\":\"1/s\",\"spread\":%.3f,"
      "\"events\":%llu,\"bytes\":%zu,\"findings\":%llu,\"parked\":%llu}\n",
      median, (rates.back() - rates.front()) / median,
      static_cast<unsigned long long>(last.report.records), recording.size(),
      static_cast<unsigned long long>(last.report.findings),
      static_cast<unsigned long long>(last.report.counters[Counter::parked]));
  return 0;
}

}  // namespace
}  // namespace idtrail::testing

int main(int argc, char** argv) { return idtrail::testing::run(argc, argv); }
