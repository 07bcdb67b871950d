// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cache_orders.h"
#include "agent/counters.h"
#include "agent/identity/look_up.h"
#include "core/baseline/baselines.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// From records and Facts to findings. A function of its inputs in their order: no clock, no I/O,
/// no thread. Whatever is fed here is first handed to the recorder, and a replay is the same.
///
/// Order at start: BaselineFact and BehaviourFact, CgroupFact (parents first), ProcessFact (in the
/// order of start time, so that parents come before children), VolumeFact, ContainerFact, records.
class Pipeline {
 public:
  /// Settings and the clocks' offset come from the snapshot; zero durations mean the defaults.
  explicit Pipeline(const v1::SnapshotFact& snapshot);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// One record of a ring, redacted (agent/decode/redact_record.h); refused ones are counted.
  /// The bytes may be reused at once.
  void on_record(std::span<const std::byte> record);
  void on_fact(const v1::Fact& fact);
  /// No more input: what still waits goes out unresolved. Called by live sources at stop and by
  /// the replay at the end, so that both say the same.
  void finish();

  /// What live sources are asked, each once until answered, asked again if the answer is late.
  std::vector<LookUp> take_look_ups();
  /// But those that wait for a StackFact, for half a second at most, and what came after them.
  std::vector<v1::Finding> take_findings();
  /// Findings so far, those that still wait included.
  [[nodiscard]] std::uint64_t raised() const;
  /// Whether a StackFact of this read would be used.
  [[nodiscard]] bool awaits_stack(std::uint32_t tgid, std::uint32_t tid,
                                  std::uint64_t boot_ns) const;
  BaselineChanges take_changes();
  CacheOrders take_cache_orders();

  /// Views for the local socket.
  [[nodiscard]] v1::TopReply top() const;
  /// `selector` as BaselineRequest.identity.
  [[nodiscard]] v1::BaselineReply baseline(std::string_view selector) const;
  /// Probes carry what the snapshot said of them; the caller adds what only the loader knows.
  [[nodiscard]] v1::CoverageReply coverage() const;
  [[nodiscard]] const Counters& counters() const;

 private:
  class Stages;
  std::unique_ptr<Stages> stages_;
};

}  // namespace idtrail
