// SPDX-License-Identifier: Apache-2.0
#include "agent/guard.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/system_calls.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

/// Stopping cannot be caught; who lets the agent go on can.
Result<Fd> watch_sigcont() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCONT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (fd) return fd;
  return Error{Errc::kInternal, fmt::format("watch SIGCONT: {}", std::strerror(errno))};
}

std::optional<SignalSender> last_sender(int fd) {
  std::optional<SignalSender> sender;
  signalfd_siginfo info{};
  while (read(fd, &info, sizeof(info)) == sizeof(info)) {
    sender = {.pid = info.ssi_pid, .uid = info.ssi_uid};
  }
  return sender;
}

bool attached(const Sensor& sensor, std::uint16_t kind) {
  return std::ranges::any_of(sensor.probes(), [kind](const ProbeStatus& probe) {
    return probe.kind == kind && !probe.hook.empty();
  });
}

}  // namespace

Result<Guard::Parts> Guard::prepare() {
  auto helper = SelfTestHelper::start();
  if (!helper) return helper.error();
  auto continued = watch_sigcont();
  if (!continued) return continued.error();
  return Parts{.helper = std::move(*helper), .continued = std::move(*continued)};
}

Guard::Guard(Sensor& sensor, Parts parts, Feed feed)
    : parts_(std::move(parts)),
      test_(parts_.helper.tgid(),
            {.ask = [this] { return parts_.helper.ask(); },
             .has_acted = [this] { return parts_.helper.has_acted(); }},
            {.urgent = attached(sensor, EVENT_memfd), .bulk = attached(sensor, EVENT_connect)},
            feed),
      watch_({.damages = [&sensor] { return sensor.damages(); },
              .missed = [&sensor] { return sensor.missed_runs_by_hook(); },
              .tracer = tracer_of_self,
              .refused = refused_calls,
              .continued = [this] { return last_sender(parts_.continued.get()); }},
             feed) {}

void Guard::look(std::uint64_t now) {
  test_.look(now);
  watch_.look(now);
}

void Guard::add_counters(std::map<std::string, std::uint64_t>& counters) const {
  counters["self_tests_failed"] = test_.failed();
  counters["system_calls_refused"] = refused_calls().count;
}

}  // namespace idtrail
