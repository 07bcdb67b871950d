// SPDX-License-Identifier: Apache-2.0
#include "agent/gaps.h"

#include <algorithm>
#include <chrono>

#include "agent/counters.h"
#include "core/common/text.h"

namespace idtrail {

void Gaps::add(const Gap& gap, const std::string& object) {
  std::pair key(gap.cause, object);
  if (rows_.size() >= kRowsMax && !rows_.contains(key)) key.second = "others";
  Row& row = rows_[key];
  if (row.count++ == 0) row.from = gap.from;
  row.text = gap.text;
  row.total += std::max(gap.until - std::max(gap.from, row.until), BootClock::duration(0));
  row.until = std::max(row.until, gap.until);
}

void Gaps::view(const ClockOffset& clock, v1::CoverageReply& reply) const {
  for (const auto& [key, row] : rows_) {
    v1::GapView& out = *reply.add_gaps();
    out.set_cause(cause_name(key.first));
    out.set_object(valid_utf8(key.second));
    out.set_text(valid_utf8(row.text));
    out.set_count(row.count);
    out.set_first_from(rfc3339(clock.wall(row.from)));
    out.set_last_until(rfc3339(clock.wall(row.until)));
    out.set_total_ms(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(row.total).count()));
  }
}

Gap gap_of(const v1::GapFact& fact) {
  return {.cause = cause_of(fact.cause()),
          .object = fact.object(),
          .text = fact.text(),
          .from = boot_time(fact.from_boot_ns()),
          .until = boot_time(fact.until_boot_ns())};
}

std::vector<Gap> gaps_of(const v1::LedgerFact& fact, const std::vector<Ledger::Loss>& losses) {
  std::vector<Gap> gaps;
  const auto add = [&](GapCause cause, std::uint16_t kind, std::uint64_t lost) {
    if (lost == 0) return;
    gaps.push_back({.cause = cause,
                    .object = kind_name(kind),
                    .text = {},
                    .from = boot_time(fact.since_boot_ns()),
                    .until = boot_time(fact.read_boot_ns()),
                    .lost = lost});
  };
  for (const Ledger::Loss& loss : losses) {
    add(GapCause::kRingFull, loss.kind, loss.dropped);
    add(GapCause::kQuotaSpent, loss.kind, loss.limited);
  }
  return gaps;
}

bool is_hole(GapCause cause) {
  return cause == GapCause::kProbeDetached || cause == GapCause::kMapChanged ||
         cause == GapCause::kSelfTestMissing || cause == GapCause::kAgentAbsent ||
         cause == GapCause::kRunsMissed;
}

}  // namespace idtrail
