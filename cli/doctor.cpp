// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/common/text.h"

namespace idtrail {
namespace {

void ask_agent(const CommonOptions& common, v1::DoctorReply& reply) {
  auto agent = AgentClient(common.socket).doctor();
  if (agent) {
    reply.MergeFrom(*agent);
    return;
  }
  auto* check = reply.add_checks();
  check->set_name("agent");
  check->set_state("degraded");
  check->set_detail(agent.error().message);
  check->set_fix("start idtrail-agent; --node-only leaves this check out");
}

}  // namespace

int run_doctor(const CommonOptions& common, const DoctorOptions& options) {
  v1::DoctorReply reply;
  for (auto& check : check_node(options.node)) *reply.add_checks() = std::move(check);
  if (!options.node_only) ask_agent(common, reply);
  if (!print_machine(common, reply, "checks")) {
    const bool colour = use_colour(common);
    Table table({"CHECK", "STATE", "DETAIL"});
    for (const auto& check : reply.checks()) {
      table.add({check.name(), {check.state(), tone_of(check.state())}, check.detail()});
    }
    std::cout << table.render(colour);
    for (const auto& check : reply.checks()) {
      if (check.state() == "ok" || check.fix().empty()) continue;
      std::cout << "\n"
                << toned(check.name(), tone_of(check.state()), colour) << ": "
                << printable(check.fix()) << "\n";
    }
  }
  const std::string worst = worst_state({reply.checks().begin(), reply.checks().end()});
  if (worst == "failed") return kExitUnsupportedNode;
  return worst == "degraded" ? kExitDegraded : kExitOk;
}

}  // namespace idtrail
