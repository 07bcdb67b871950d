// SPDX-License-Identifier: Apache-2.0
#include "cli/findings.h"

#include <iostream>

#include <fmt/format.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "core/common/text.h"
#include "core/detect/finding.h"
#include "core/sink/jsonl_reader.h"

namespace idtrail {
namespace {

bool fits(const v1::Finding& finding, const FindingsOptions& wanted) {
  const bool any = wanted.all_namespaces || wanted.name_space.empty();
  return (any || finding.identity().namespace_() == wanted.name_space) &&
         (wanted.pod.empty() || finding.instance().pod() == wanted.pod) &&
         (wanted.rule.empty() || finding.rule() == wanted.rule) &&
         severity_rank(finding.severity()) >= severity_rank(wanted.severity);
}

}  // namespace

Result<FoundFindings> find_findings(const CommonOptions& common, const std::string& file) {
  FoundFindings found;
  if (!file.empty()) {
    const auto report = read_findings(std::filesystem::path(file), [&](v1::Finding finding) {
      *found.reply.add_findings() = std::move(finding);
    });
    if (!report) return report.error();
    found.malformed = report->malformed;
    for (const auto& bad : report->first_bad) {
      std::cerr << fmt::format("idtrail: {}:{}: no finding: {}\n", printable(file), bad.number,
                               printable(bad.why));
    }
    return found;
  }
  auto reply = AgentClient(common.socket).findings({});
  if (!reply) return reply.error();
  found.reply = std::move(*reply);
  return found;
}

int run_findings(const CommonOptions& common, const FindingsOptions& options) {
  auto found = find_findings(common, options.file);
  if (!found) return fail(found.error());
  v1::FindingsReply chosen;
  chosen.set_forgotten(found->reply.forgotten());
  for (auto& finding : *found->reply.mutable_findings()) {
    if (fits(finding, options)) *chosen.add_findings() = std::move(finding);
  }
  if (options.limit != 0 && static_cast<std::uint32_t>(chosen.findings_size()) > options.limit) {
    chosen.mutable_findings()->DeleteSubrange(
        0, chosen.findings_size() - static_cast<int>(options.limit));
  }
  const auto& findings = chosen.findings();
  if (common.output == "jsonl") {
    for (const auto& finding : findings) std::cout << to_json_line(finding) << "\n";
  } else if (!print_machine(common, chosen, "findings")) {
    if (findings.empty()) {
      std::cerr << "No findings.\n";
    } else {
      std::cout << findings_table(findings, common.output == "wide", use_colour(common));
    }
    if (chosen.forgotten() > 0) {
      std::cerr << fmt::format(
          "{} older findings are no longer in the agent's memory; see its findings file\n",
          chosen.forgotten());
    }
  }
  if (found->malformed > 0) {
    std::cerr << fmt::format("idtrail: {} of the lines were no findings\n", found->malformed);
    return kExitError;
  }
  return exit_code_for(findings, options.fail_on);
}

}  // namespace idtrail
