// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "agent/kernel/former_set.h"
#include "agent/kernel/generation.h"
#include "agent/kernel/kernel_types.h"
#include "agent/kernel/mapped.h"
#include "agent/kernel/probe.h"
#include "agent/kernel/reader.h"
#include "agent/kernel/sensor.h"
#include "agent/kernel/shared_maps.h"

namespace idtrail {

/// What a sensor holds, and how it comes about: maps, settings, probes, and what agents before it
/// left. Members are in the order in which they may go, backwards.
struct Sensor::State {
  Generation generation;  // first: its lock outlasts everything
  SharedMaps maps;
  CgroupHierarchy hierarchy;
  std::vector<ProbeStatus> statuses;
  Mapped flow_counts;
  Mapped syscall_counts;
  Mapped losses;
  Mapped owner;
  Mapped devices;
  struct control settings {};                         // as we wrote it
  std::unordered_map<std::uint32_t, __u64> verdicts;  // likewise, by device
  std::set<std::uint32_t> forged;  // devices that have a verdict which nobody of us gave
  std::uint32_t next_look = 0;     // for those
  KnownTable known;
  std::array<Mapped, RINGS> positions;  // of consumer and producer, a page each
  std::optional<Reader> reader;
  Takeover takeover;
  std::vector<FormerSet> former;
  std::unordered_map<std::uint64_t, cgroup_row> inherited;  // books of former sets, by cgroup
  std::vector<Probe> probes;  // last: programs stop before their maps go

  State(Generation ours, SharedMaps shared, CgroupHierarchy named);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// The memory that is shared with the programs, and the settings. Verdicts of another agent go:
  /// what they were on only that one knew.
  Result<void> share(const SensorOptions& options);
  Result<void> load(const SensorOptions& options);
  /// From here on our set reports, and no other does.
  Result<void> begin(const SensorOptions& options);

  /// In one piece: the programs read beside us. The device has a row.
  void judge(std::uint32_t device, const volume_verdict& verdict);
  Result<void> open_books(std::uint64_t cgroup_id);
  [[nodiscard]] CgroupBooks books_of(std::uint64_t cgroup, const cgroup_row& row) const;
  /// Limited and dropped, of all kinds.
  [[nodiscard]] std::uint64_t lost() const;
  /// What former sets still hold comes before anything of ours.
  std::size_t drain(const RecordFn& on_record);

  void look_at_settings(std::vector<SensorDamage>& damages) const;
  /// The mount probe takes verdicts away; nobody but us may add or turn one. Ours are looked at
  /// each time, all other rows in turns.
  void look_at_volumes(std::vector<SensorDamage>& damages);
  void look_for_forged();
  [[nodiscard]] __u64 verdict_on(std::uint32_t device) const;

 private:
  Result<void> write_control(const SensorOptions& options, const KnownTable::Secret& secret);
  void forget_verdicts(known_bucket* table);
  /// Nobody takes connections off the table again.
  void follow_no_flows();
  Result<Probe> find_or_load(const ProbeSpec& spec, const SensorOptions& options,
                             std::optional<KernelTypes>& types);
  void inherit(std::uint64_t cgroup, const cgroup_row& row);
};

}  // namespace idtrail
