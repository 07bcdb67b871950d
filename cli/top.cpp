// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/table.h"

namespace idtrail {
namespace {

template <typename Counts>
std::uint64_t count_of(const Counts& counts, const char* key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

template <typename Counts>
std::uint64_t sum_of(const Counts& counts) {
  std::uint64_t sum = 0;
  for (const auto& [key, value] : counts) sum += value;
  return sum;
}

std::string worst_rule(const v1::TopRow& row) {
  std::string rule;
  std::uint32_t most = 0;
  for (const auto& [name, count] : row.findings()) {
    if (count > most || (count == most && name < rule)) {
      most = count;
      rule = name;
    }
  }
  return rule;
}

}  // namespace

std::string top_table(const v1::TopReply& reply, bool wide, bool colour) {
  std::vector<std::string> headers{"NAMESPACE", "POD",  "CONTAINER", "SERVICE-ACCOUNT",
                                   "BASELINE",  "EXEC", "CRED",      "CONN",
                                   "FINDINGS",  "RISK", "LAST-SEEN", "TOP-DEVIATION"};
  if (wide)
    headers.insert(headers.end(), {"OWNER", "KNOWN", "UNRESOLVED", "NODE", "IMAGE", "IDENTITY"});
  Table table(headers);
  for (const auto& row : reply.rows()) {
    const auto& who = row.identity();
    const auto findings = sum_of(row.findings());
    const bool is_pod = !row.instance().pod().empty();
    std::vector<Table::Cell> cells{
        std::string(or_dash(who.namespace_())),
        is_pod ? row.instance().pod() : who.owner_name(),
        std::string(or_dash(who.container())),
        std::string(or_dash(who.service_account())),
        {row.baseline_state(), tone_of(row.baseline_state())},
        std::to_string(count_of(row.events(), "exec")),
        std::to_string(count_of(row.events(), "credential")),
        std::to_string(count_of(row.events(), "connect")),
        {std::to_string(findings), findings == 0 ? Tone::kPlain : Tone::kBad},
        fmt::format("{:.1f}", row.risk()),
        row.last_seen().size() < 19 ? "-" : row.last_seen().substr(11, 8),
        std::string(or_dash(worst_rule(row)))};
    if (wide) {
      cells.insert(cells.end(),
                   {who.owner_kind() + "/" + who.owner_name(),
                    std::to_string(sum_of(row.known_behaviours())),
                    std::to_string(row.unresolved()), std::string(or_dash(row.instance().node())),
                    std::string(or_dash(row.instance().image())), who.id()});
    }
    table.add(std::move(cells));
  }
  return table.render(colour);
}

namespace {

/// Keeps the rows of one namespace.
void keep(v1::TopReply& reply, const std::string& name_space) {
  if (name_space.empty()) return;
  auto* rows = reply.mutable_rows();
  for (int at = rows->size() - 1; at >= 0; --at) {
    if (rows->Get(at).identity().namespace_() != name_space) rows->DeleteSubrange(at, 1);
  }
}

int show(AgentClient& agent, const CommonOptions& common, const TopOptions& options, bool clear) {
  auto reply = agent.top();
  if (!reply) return fail(reply.error());
  keep(*reply, options.all_namespaces ? "" : options.name_space);
  if (print_machine(common, *reply, "rows")) return kExitOk;
  if (clear) std::cout << "\033[H\033[2J";
  if (options.watch) std::cout << reply->node() << "  " << reply->time() << "\n";
  if (reply->rows().empty()) {
    std::cerr << "No pod, container or unit has been seen to act yet.\n";
  } else {
    std::cout << top_table(*reply, common.output == "wide", use_colour(common));
  }
  std::cout.flush();
  return kExitOk;
}

}  // namespace

int run_top(const CommonOptions& common, const TopOptions& options) {
  AgentClient agent(common.socket);
  const bool clear = options.watch && isatty(STDOUT_FILENO) == 1;
  while (true) {
    const int result = show(agent, common, options, clear);
    if (!options.watch || result != kExitOk || !std::cout) return result;
    poll(nullptr, 0,
         static_cast<int>(options.interval_seconds * 1000));  // until the next look, or a signal
  }
}

}  // namespace idtrail
