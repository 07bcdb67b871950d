// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/ledger.h"
#include "core/common/time.h"
#include "core/model/gap.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Times in which something may not have been seen, by cause and object. Pipeline thread only.
/// Bounded: what finds no room is kept together under its cause.
class Gaps {
 public:
  static constexpr std::size_t kRowsMax = 256;

  /// `object` as it is to be shown.
  void add(const Gap& gap, const std::string& object);
  void view(const ClockOffset& clock, v1::CoverageReply& reply) const;

 private:
  struct Row {
    std::string text;
    std::uint64_t count = 0;
    BootTime from{};
    BootTime until{};
    BootClock::duration total{};  // what lies in several gaps counts once
  };
  std::map<std::pair<GapCause, std::string>, Row> rows_;
};

/// As the agent found it; a view into the fact.
Gap gap_of(const v1::GapFact& fact);
/// What the fact's losses are to a reader.
std::vector<Gap> gaps_of(const v1::LedgerFact& fact, const std::vector<Ledger::Loss>& losses);
/// True where events may be gone for good. While the agent is stopped the rings keep what comes.
bool is_hole(GapCause cause);

}  // namespace idtrail
