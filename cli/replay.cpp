// SPDX-License-Identifier: Apache-2.0
#include "agent/replay.h"

#include <iostream>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "core/common/text.h"
#include "core/detect/finding.h"

namespace idtrail {

int run_replay(const CommonOptions& common, const ReplayOptions& options) {
  const bool lines = common.output.empty() || common.output == "jsonl";
  const bool kept = !lines || !options.fail_on.empty();
  v1::FindingsReply found;
  const auto report = replay(std::filesystem::path(options.file), [&](const v1::Finding& finding) {
    if (lines) std::cout << to_json_line(finding) << "\n";
    if (kept) *found.add_findings() = finding;
  });
  std::cout.flush();
  if (!report) return fail(report.error());
  const std::vector<v1::Finding> findings(found.findings().begin(), found.findings().end());
  if (!lines && !print_machine(common, found, "findings") && !findings.empty()) {
    std::cout << findings_table(findings, common.output == "wide", use_colour(common));
  }
  std::cerr << fmt::format("replayed {} records and {} facts: {} findings\n", report->records,
                           report->facts, report->findings);
  if (report->damage) {
    fail(*report->damage);
    std::cerr << "idtrail: the findings above are those of the part before the damage\n";
    return kExitError;
  }
  return exit_code_for(findings, options.fail_on);
}

}  // namespace idtrail
