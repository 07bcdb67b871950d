// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <map>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/common/text.h"

namespace idtrail {

int run_coverage(const CommonOptions& common) {
  const auto reply = AgentClient(common.socket).coverage();
  if (!reply) return fail(reply.error());
  if (print_machine(common, *reply, "probes")) return kExitOk;
  const bool colour = use_colour(common);
  Table probes({"PROBE", "STATE", "HOOK", "INSTRUCTIONS", "WHAT"});
  for (const auto& probe : reply->probes()) {
    const bool attached = !probe.hook().empty();
    probes.add({probe.name(),
                attached ? Table::Cell("ok", Tone::kGood) : Table::Cell("refused", Tone::kBad),
                attached ? probe.hook() : probe.error(),
                std::to_string(probe.verified_instructions()), probe.summary()});
  }
  std::cout << probes.render(colour);
  Table classes({"CLASS", "RECEIVED", "DROPPED", "DISCARDED", "UNRESOLVED"});
  for (const auto& row : reply->coverage().classes()) {
    const auto loss = [](std::uint32_t count) {
      return Table::Cell(std::to_string(count), count == 0 ? Tone::kPlain : Tone::kBad);
    };
    classes.add({row.event_class(), std::to_string(row.received()), loss(row.dropped()),
                 loss(row.discarded()), loss(row.unresolved())});
  }
  std::cout << "\n" << classes.render(colour);
  const std::map<std::string, std::uint64_t> sorted(reply->counters().begin(),
                                                    reply->counters().end());
  Table counters({"COUNTER", "VALUE"});
  for (const auto& [name, value] : sorted) {
    if (value != 0 || common.output == "wide") counters.add({name, std::to_string(value)});
  }
  if (!counters.empty()) std::cout << "\n" << counters.render(colour);
  if (!reply->not_covered().empty()) std::cout << "\nNOT COVERED\n";
  for (const auto& gap : reply->not_covered()) std::cout << "  " << printable(gap) << "\n";
  return kExitOk;
}

}  // namespace idtrail
