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

namespace {

void show(const CommonOptions& common, const std::string& view, const ReplayReport& report,
          const v1::FindingsReply& found) {
  const bool wide = common.output == "wide";
  const bool colour = use_colour(common);
  if (view == "top") {
    if (!print_machine(common, report.top, "rows"))
      std::cout << top_table(report.top, wide, colour);
  } else if (view == "coverage") {
    if (print_machine(common, report.coverage, "probes")) return;
    std::cout << coverage_text(report.coverage, wide, colour);
  } else if (!print_machine(common, found, "findings") && found.findings_size() > 0) {
    std::cout << findings_table(found.findings(), wide, colour);
  }
}

}  // namespace

int run_replay(const CommonOptions& common, const ReplayOptions& options) {
  const bool lines =
      options.view == "findings" && (common.output.empty() || common.output == "jsonl");
  v1::FindingsReply found;
  const auto report = replay(std::filesystem::path(options.file), [&](const v1::Finding& finding) {
    if (lines) std::cout << to_json_line(finding) << "\n";
    if (!lines || !options.fail_on.empty()) *found.add_findings() = finding;
  });
  std::cout.flush();
  if (!report) return fail(report.error());
  if (!lines) show(common, options.view, *report, found);
  std::cerr << fmt::format("replayed {} records and {} facts: {} findings\n", report->records,
                           report->facts, report->findings);
  if (report->damage) {
    fail(*report->damage);
    std::cerr << "idtrail: the findings above are those of the part before the damage\n";
    return kExitError;
  }
  return exit_code_for(found.findings(), options.fail_on);
}

}  // namespace idtrail
