// SPDX-License-Identifier: Apache-2.0
#include "agent/views.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

#include "core/model/gap.h"
#include "idtrail/events.h"

#ifndef IDTRAIL_VERSION
#define IDTRAIL_VERSION "unknown"
#endif

namespace idtrail {
namespace {

std::uint64_t now_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// The wall clock's reading between two of the boot clock, so that a pause in between shows.
std::int64_t wall_minus_boot() {
  const std::uint64_t before = now_ns(CLOCK_BOOTTIME);
  const std::uint64_t wall = now_ns(CLOCK_REALTIME);
  const std::uint64_t after = now_ns(CLOCK_BOOTTIME);
  return static_cast<std::int64_t>(wall) - static_cast<std::int64_t>(before + (after - before) / 2);
}

std::string node_name(const Config& config) {
  if (!config.node.empty()) return config.node;
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::uint64_t nanoseconds(std::chrono::nanoseconds value) {
  return static_cast<std::uint64_t>(value.count());
}

void add_check(v1::DoctorReply& reply, const std::string& name, const std::string& state,
               const std::string& detail, const std::string& fix = "") {
  auto* check = reply.add_checks();
  check->set_name(name);
  check->set_state(state);
  check->set_detail(detail);
  check->set_fix(fix);
}

bool sees_syscalls(std::span<const ProbeStatus> probes) {
  return std::ranges::find(probes, kOffByDefault, &ProbeStatus::name) != probes.end();
}

void check_probes(std::span<const ProbeStatus> probes, v1::DoctorReply& reply) {
  std::string refused;
  for (const auto& probe : probes) {
    if (probe.hook.empty()) refused += fmt::format("{}: {}; ", probe.name, probe.error);
  }
  if (refused.empty()) {
    const char* off = sees_syscalls(probes) ? "" : "; syscalls is off by the settings";
    add_check(reply, "agent-probes", "ok", fmt::format("{} attached{}", probes.size(), off));
  } else {
    add_check(reply, "agent-probes", "degraded", refused,
              "`idtrail coverage` shows each probe; what it would see is not covered");
  }
}

}  // namespace

std::uint64_t boot_now_ns() { return now_ns(CLOCK_BOOTTIME); }

std::optional<v1::GapFact> absence_of(const Takeover& takeover,
                                      std::span<const ProbeStatus> probes) {
  constexpr std::uint64_t kMillisecond = 1'000'000;
  if (!takeover.found) return std::nullopt;
  const std::uint64_t lost = takeover.lost + takeover.unattended + takeover.unreadable;
  std::string unwatched;
  for (const auto& probe : probes) {
    if (!probe.hook.empty() && !probe.kept) unwatched += fmt::format(" {}", probe.name);
  }
  if (lost == 0 && takeover.undelivered == 0 && unwatched.empty()) return std::nullopt;
  std::string text = fmt::format("no agent ran from {} ms to {} ms after boot: {} events are lost",
                                 takeover.alive_boot_ns / kMillisecond,
                                 takeover.until_boot_ns / kMillisecond, lost);
  if (takeover.undelivered != 0) {
    text += fmt::format(", and {} findings that were under way may be", takeover.undelivered);
  }
  if (!unwatched.empty()) text += ", and nothing was watched by" + unwatched;
  v1::GapFact gap;
  gap.set_cause(cause_name(GapCause::kAgentAbsent));
  gap.set_text(std::move(text));
  gap.set_from_boot_ns(takeover.alive_boot_ns);
  gap.set_until_boot_ns(takeover.until_boot_ns);
  return gap;
}

v1::SnapshotFact take_snapshot(const Config& config, std::span<const ProbeStatus> probes) {
  v1::SnapshotFact snapshot;
  snapshot.set_wire_contract(IDTRAIL_WIRE_CONTRACT);
  snapshot.set_wall_minus_boot_ns(wall_minus_boot());
  snapshot.set_node(node_name(config));
  snapshot.set_cluster(config.cluster);
  snapshot.set_learning_window_ns(nanoseconds(config.learning_window));
  snapshot.set_watch_window_ns(nanoseconds(config.watch_window));
  snapshot.set_identity_deadline_ns(nanoseconds(config.identity_deadline));
  snapshot.set_cool_down_ns(nanoseconds(config.cool_down));
  for (const auto& reader : config.credential_readers) snapshot.add_credential_readers(reader);
  for (const auto& probe : probes) {
    auto* fact = snapshot.add_probes();
    fact->set_name(std::string(probe.name));
    fact->set_hook(probe.hook);
    fact->set_error(probe.error);
  }
  snapshot.set_agent_version(IDTRAIL_VERSION);
  snapshot.set_scope_cgroup(config.scope_cgroup);
  snapshot.set_stacks(config.stacks);
  return snapshot;
}

void complete_coverage(std::span<const ProbeStatus> probes, const LiveState& live,
                       v1::CoverageReply& reply) {
  for (auto& view : *reply.mutable_probes()) {
    for (const auto& probe : probes) {
      if (view.name() == probe.name) view.set_verified_instructions(probe.verified_insns);
    }
  }
  for (const auto& [name, value] : live.counters) (*reply.mutable_counters())[name] = value;
  std::string passing;
  for (const auto& probe : probes) {
    if (!probe.hook.empty() && !probe.kept) passing += fmt::format(" {}", probe.name);
  }
  if (!passing.empty()) reply.add_not_covered("while no agent runs, what is seen by:" + passing);
  if (!sees_syscalls(probes)) {
    reply.add_not_covered(
        "which system calls a container makes: switched off, since it taxes each of them (set "
        "syscalls: true)");
  }
  if (!live.gap.empty()) reply.add_not_covered(live.gap);
  if (!live.runtime_missing.empty()) {
    reply.add_not_covered("names and owners of pods: " + live.runtime_missing);
  }
  if (!live.volumes_missing.empty()) {
    reply.add_not_covered("which volume a credential lies in: " + live.volumes_missing);
  }
}

v1::DoctorReply doctor_view(std::span<const ProbeStatus> probes, const LiveState& live) {
  v1::DoctorReply reply;
  check_probes(probes, reply);
  const auto kept = std::ranges::count_if(probes, &ProbeStatus::kept);
  add_check(
      reply, "agent-pins", kept > 0 ? "ok" : "degraded",
      fmt::format("{} of {} probes stay in the kernel while no agent runs", kept, probes.size()),
      kept > 0 ? "" : "mount a BPF file system and set pins.folder to a folder on it");
  if (live.runtime_missing.empty()) {
    add_check(reply, "agent-containerd", "ok", "the container runtime answers");
  } else {
    add_check(reply, "agent-containerd", "degraded", live.runtime_missing,
              "start containerd, or set containerd_socket to the runtime's CRI socket");
  }
  if (!live.volumes_missing.empty()) {
    add_check(reply, "agent-volumes", "degraded", live.volumes_missing,
              "grant CAP_SYS_PTRACE and run in the node's pid namespace (hostPID)");
  }
  std::string lost;
  for (const auto& [name, value] : live.counters) {
    if (value != 0) lost += fmt::format("{}={} ", name, value);
  }
  add_check(reply, "agent-losses", lost.empty() ? "ok" : "degraded", lost.empty() ? "none" : lost,
            lost.empty()
                ? ""
                : "a larger ring_size helps against dropped records; see `idtrail coverage`");
  return reply;
}

}  // namespace idtrail
