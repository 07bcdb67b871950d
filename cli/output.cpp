// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <vector>

#include <unistd.h>

#include "cli/exit_codes.h"
#include "cli/json.h"
#include "cli/table.h"
#include "core/common/text.h"
#include "core/model/refs.h"

namespace idtrail {

int fail(const Error& error) {
  std::cerr << "idtrail: " << printable(error.message) << "\n";
  return kExitError;
}

bool print_machine(const CommonOptions& common, const google::protobuf::Message& reply,
                   const char* rows) {
  if (common.output != "json" && common.output != "jsonl" && common.output != "yaml") return false;
  const auto value = to_json(reply);
  if (common.output == "json") std::cout << json_text(value, false) << "\n";
  if (common.output == "yaml") std::cout << yaml_text(value);
  if (common.output == "jsonl") {
    for (const auto& row : value.at(rows)) std::cout << json_text(row, true) << "\n";
  }
  return true;
}

bool use_colour(const CommonOptions& common) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return !common.no_color && (no_color == nullptr || *no_color == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb") &&
         isatty(STDOUT_FILENO) == 1;
}

int severity_rank(std::string_view severity) {
  static constexpr std::array<std::string_view, 5> kRanks{"info", "low", "medium", "high",
                                                          "critical"};
  const auto* const found = std::find(kRanks.begin(), kRanks.end(), severity);
  return found == kRanks.end() ? -1 : static_cast<int>(found - kRanks.begin());
}

int exit_code_for(const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
                  const std::string& fail_on) {
  if (fail_on.empty()) return kExitOk;
  const int least = severity_rank(fail_on);
  const bool found = std::any_of(findings.begin(), findings.end(), [&](const auto& finding) {
    return severity_rank(finding.severity()) >= least;
  });
  return found ? kExitFindings : kExitOk;
}

std::string subject_text(const v1::SubjectRef& subject) { return display_name(from_ref(subject)); }

std::string place_of(const v1::IdentityRef& identity, const v1::InstanceRef& instance) {
  if (instance.pod().empty()) return display_name(from_ref(identity));
  return identity.namespace_() + "/" + instance.pod() + "/" + identity.container();
}

std::string findings_table(const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
                           bool wide, bool colour) {
  constexpr std::size_t kSecond = 19;  // 2026-11-22T04:41:02
  constexpr std::size_t kMaxText = 48;
  std::vector<std::string> headers{"TIME", "SEVERITY", "PLACE", "RULE", "OBJECT", "SUBJECT", "ID"};
  if (wide) headers.insert(headers.end(), {"CONFIDENCE", "SERVICE-ACCOUNT", "NODE", "WHY"});
  Table table(headers);
  for (const auto& finding : findings) {
    const auto cut = [&](const std::string& text) { return wide ? text : shorten(text, kMaxText); };
    std::vector<Table::Cell> row{finding.time().substr(0, kSecond) + "Z",
                                 {finding.severity(), tone_of(finding.severity())},
                                 place_of(finding.identity(), finding.instance()),
                                 finding.rule(),
                                 cut(finding.object().name()),
                                 cut(subject_text(finding.subject())),
                                 finding.id()};
    if (wide) {
      row.insert(row.end(), {finding.confidence(), finding.identity().service_account(),
                             finding.instance().node(), finding.why()});
    }
    table.add(std::move(row));
  }
  return table.render(colour);
}

}  // namespace idtrail
