// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <map>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/common/text.h"
#include "core/model/refs.h"

namespace idtrail {

namespace {

Table::Cell loss(std::uint64_t count) {
  return {std::to_string(count), count == 0 ? Tone::kPlain : Tone::kBad};
}

/// Of containers that run under a name of their own: what became of each event.
Table ledger_table(const v1::CoverageReply& reply) {
  Table table({"IDENTITY", "POD", "CLASS", "DELIVERED", "KNOWN", "LIMITED", "DROPPED", "RECEIVED",
               "DISCARDED"});
  for (const auto& book : reply.ledger()) {
    for (const auto& row : book.classes()) {
      table.add({display_name(from_ref(book.identity())), or_dash(book.instance().pod()),
                 row.event_class(), std::to_string(row.delivered()), std::to_string(row.known()),
                 loss(row.limited()), loss(row.dropped()), std::to_string(row.received()),
                 loss(row.discarded())});
    }
  }
  return table;
}

Table gap_table(const v1::CoverageReply& reply) {
  Table table({"GAP", "OF", "TIMES", "SECONDS", "LAST", "WHAT"});
  for (const auto& gap : reply.gaps()) {
    table.add({Table::Cell(gap.cause(), Tone::kBad), or_dash(printable(gap.object())),
               std::to_string(gap.count()), std::to_string((gap.total_ms() + 999) / 1000),
               gap.last_until(), or_dash(printable(gap.text()))});
  }
  return table;
}

}  // namespace

std::string coverage_text(const v1::CoverageReply& reply, bool wide, bool colour) {
  Table probes({"PROBE", "STATE", "HOOK", "INSTRUCTIONS", "WHAT"});
  for (const auto& probe : reply.probes()) {
    const bool attached = !probe.hook().empty();
    probes.add(
        {probe.name(),
         attached ? Table::Cell("ok", Tone::kGood) : Table::Cell("refused", Tone::kBad),
         attached ? probe.hook() : probe.error(),
         probe.verified_instructions() == 0 ? "-" : std::to_string(probe.verified_instructions()),
         probe.summary()});
  }
  std::string text = probes.render(colour);
  Table classes({"CLASS", "RECEIVED", "LIMITED", "DROPPED", "DISCARDED", "UNRESOLVED"});
  for (const auto& row : reply.coverage().classes()) {
    classes.add({row.event_class(), std::to_string(row.received()), loss(row.limited()),
                 loss(row.dropped()), loss(row.discarded()), loss(row.unresolved())});
  }
  text += "\n" + classes.render(colour);
  if (const Table ledger = ledger_table(reply); !ledger.empty()) {
    text += "\n" + ledger.render(colour);
  }
  if (const Table gaps = gap_table(reply); !gaps.empty()) text += "\n" + gaps.render(colour);
  const std::map<std::string, std::uint64_t> sorted(reply.counters().begin(),
                                                    reply.counters().end());
  Table counters({"COUNTER", "VALUE"});
  for (const auto& [name, value] : sorted) {
    if (value != 0 || wide) counters.add({name, std::to_string(value)});
  }
  if (!counters.empty()) text += "\n" + counters.render(colour);
  if (!reply.not_covered().empty()) text += "\nNOT COVERED\n";
  for (const auto& gap : reply.not_covered()) text += "  " + printable(gap) + "\n";
  return text;
}

int run_coverage(const CommonOptions& common) {
  const auto reply = AgentClient(common.socket).coverage();
  if (!reply) return fail(reply.error());
  if (print_machine(common, *reply, "probes")) return kExitOk;
  std::cout << coverage_text(*reply, common.output == "wide", use_colour(common));
  return kExitOk;
}

}  // namespace idtrail
