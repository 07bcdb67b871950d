// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline_settings.h"

#include <algorithm>
#include <chrono>

namespace idtrail {
namespace {

constexpr std::chrono::seconds kDeadlineMax{60};  // removed cgroups are kept for longer

template <typename Duration>
Duration or_default(std::uint64_t ns, Duration fallback) {
  constexpr std::uint64_t kMax = 1ULL << 62U;
  return ns == 0 ? fallback : Duration(static_cast<std::int64_t>(std::min(ns, kMax)));
}

}  // namespace

ClockOffset clock_of(const v1::SnapshotFact& snapshot) {
  return {.wall_minus_boot = std::chrono::nanoseconds(snapshot.wall_minus_boot_ns())};
}

NodeSettings node_settings(const v1::SnapshotFact& snapshot) {
  NodeSettings settings{.node = snapshot.node(),
                        .cluster = snapshot.cluster(),
                        .scope_cgroup = snapshot.scope_cgroup()};
  settings.identity_deadline = std::min<std::chrono::nanoseconds>(
      or_default(snapshot.identity_deadline_ns(), settings.identity_deadline), kDeadlineMax);
  return settings;
}

BaselineSettings baseline_settings(const v1::SnapshotFact& snapshot) {
  BaselineSettings settings;
  settings.clock = clock_of(snapshot);
  settings.learning_window = or_default(snapshot.learning_window_ns(), settings.learning_window);
  return settings;
}

DetectorSettings detector_settings(const v1::SnapshotFact& snapshot) {
  DetectorSettings settings;
  settings.clock = clock_of(snapshot);
  settings.watch_window = or_default(snapshot.watch_window_ns(), settings.watch_window);
  settings.cool_down = or_default(snapshot.cool_down_ns(), settings.cool_down);
  settings.own_tgids = {snapshot.agent_tgid(), snapshot.self_test_tgid()};
  return settings;
}

}  // namespace idtrail
