// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/counters.h"
#include "agent/identity/flat_map.h"
#include "core/baseline/baselines.h"
#include "core/common/time.h"
#include "core/model/observation.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// What each place has done of late, for `idtrail top`. Bounded: the place that was silent longest
/// goes first.
class Activity {
 public:
  static constexpr std::size_t kPlacesMax = 4096;

  void note(std::uint64_t place, const Who& who, std::uint16_t kind, BootTime at);
  void note(std::uint64_t place, const v1::Finding& finding, BootTime at);
  /// Events of a place that was noted before.
  void note(std::uint64_t place, std::uint16_t kind, std::uint64_t count, BootTime last);
  /// Rows by risk, then by name. Text is made here, not while events come.
  [[nodiscard]] v1::TopReply view(const Baselines& baselines, const ClockOffset& clock,
                                  BootTime now) const;

 private:
  struct Row {
    Identity identity;
    Instance instance;
    std::uint64_t identity_id = 0;
    KindCounts events{};
    std::uint64_t unresolved = 0;
    std::map<std::string, std::uint32_t> findings;  // by rule
    double risk = 0;                                // as of risk_at
    BootTime risk_at{};
    BootTime last_seen{};
    bool named = false;
  };
  void make_room();

  FlatMap<Row> rows_;  // by the place's serial
};

}  // namespace idtrail
