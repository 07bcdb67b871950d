// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/baseline/baselines.h"
#include "core/model/refs.h"

namespace idtrail {
namespace {

std::string summary(const v1::BaselineReply& reply, bool wide, bool colour) {
  std::vector<std::string> headers{"IDENTITY", "SERVICE-ACCOUNT", "STATE", "EXEC", "CRED",
                                   "DEST",     "COMPLETE",        "SINCE"};
  if (wide) headers.insert(headers.end(), {"READY", "OVERFLOW", "ID"});
  Table table(headers);
  for (const auto& view : reply.baselines()) {
    std::map<std::string, int> families;
    for (const auto& behaviour : view.behaviours()) ++families[behaviour.family()];
    std::vector<Table::Cell> row{display_name(from_ref(view.identity())),
                                 std::string(or_dash(view.identity().service_account())),
                                 {view.state(), tone_of(view.state())},
                                 std::to_string(families["exec"]),
                                 std::to_string(families["credential"]),
                                 std::to_string(families["destination"]),
                                 view.complete() ? "yes" : "no",
                                 view.learning_since()};
    if (wide) {
      row.insert(row.end(), {std::string(or_dash(view.ready_since())),
                             std::to_string(view.overflow()), view.identity().id()});
    }
    table.add(std::move(row));
  }
  return table.render(colour);
}

std::string behaviours(const v1::BaselineView& view, bool wide, bool colour) {
  constexpr std::size_t kMaxText = 72;
  std::vector<std::string> headers{"FAMILY", "COUNT", "LAST-SEEN", "BEHAVIOUR"};
  if (wide) headers.insert(headers.end(), {"FIRST-SEEN", "POD", "IMAGE-DIGEST"});
  Table table(headers);
  for (const auto& behaviour : view.behaviours()) {
    std::vector<Table::Cell> row{behaviour.family(), std::to_string(behaviour.count()),
                                 behaviour.last_seen().substr(0, 19),
                                 wide ? behaviour.text() : shorten(behaviour.text(), kMaxText)};
    if (wide) {
      row.insert(row.end(),
                 {behaviour.first_seen().substr(0, 19), std::string(or_dash(behaviour.pod())),
                  std::string(or_dash(behaviour.image_digest()))});
    }
    table.add(std::move(row));
  }
  return table.render(colour);
}

}  // namespace

int run_baseline_show(const CommonOptions& common, const std::string& selector) {
  const auto reply = AgentClient(common.socket).baseline(selector);
  if (!reply) return fail(reply.error());
  if (reply->baselines().empty() && !selector.empty()) {
    return fail({Errc::kNotFound,
                 fmt::format("baseline {}: no identity has that name or id; without a name "
                             "all are shown",
                             selector)});
  }
  if (print_machine(common, *reply, "baselines")) return kExitOk;
  const bool wide = common.output == "wide";
  const bool colour = use_colour(common);
  std::cout << summary(*reply, wide, colour);
  if (selector.empty()) return kExitOk;
  for (const auto& view : reply->baselines()) std::cout << "\n" << behaviours(view, wide, colour);
  return kExitOk;
}

int run_baseline_export(const CommonOptions& common, const std::string& selector) {
  const auto reply = AgentClient(common.socket).baseline(selector);
  if (!reply) return fail(reply.error());
  const std::vector<v1::BaselineView> views(reply->baselines().begin(), reply->baselines().end());
  if (common.output == "json" || common.output == "jsonl") {
    print_machine(common, *reply, "baselines");
  } else {
    std::cout << to_yaml(views);
  }
  return kExitOk;
}

}  // namespace idtrail
