// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/findings.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/common/text.h"

namespace idtrail {
namespace {

/// Writes labelled lines; everything that a workload may have named is escaped.
class Page {
 public:
  explicit Page(bool colour) : colour_(colour) {}

  void title(const std::string& text, Tone tone) {
    out_ += toned(printable(text), tone, colour_) + "\n";
  }
  void section(std::string_view name) { out_ += fmt::format("\n{}\n", name); }
  void line(std::string_view label, std::string_view text) {
    if (!text.empty()) out_ += fmt::format("  {:<16} {}\n", label, printable(text));
  }
  void item(std::string_view text) { out_ += fmt::format("  {}\n", printable(text)); }
  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  bool colour_;
  std::string out_;
};

template <typename Texts>
std::string joined(const Texts& texts, std::string_view between = ", ") {
  return fmt::format("{}", fmt::join(texts.begin(), texts.end(), between));
}

void who(const v1::Finding& finding, Page& page) {
  const auto& identity = finding.identity();
  const auto& instance = finding.instance();
  page.section("WHO");
  page.line("identity", fmt::format("{} {}/{} container {}", identity.kind(), identity.namespace_(),
                                    identity.owner_name(), identity.container()));
  page.line("owner", identity.owner_kind() + " " + identity.owner_name());
  page.line("service account", identity.service_account());
  page.line("pod", instance.pod());
  page.line("node", instance.node());
  page.line("image", instance.image());
  const auto& subject = finding.subject();
  page.line("process", fmt::format("{} (pid {})", subject_text(subject), subject.pid()));
  page.line("executable", subject.executable());
  page.line("script", subject.script());
  page.line("origin", subject.origin());
  page.line("entry", subject.entry() + (subject.session() ? ", an exec session" : "") +
                         (subject.tty() ? " with a terminal" : ""));
  std::string command = subject.entry_command();
  std::replace(command.begin(), command.end(), '\0', ' ');
  page.line("entered by", command);
  if (!subject.lineage_complete())
    page.line("lineage", "incomplete: an ancestor started before the agent");
}

void what(const v1::Finding& finding, Page& page) {
  const auto& object = finding.object();
  page.section("WHAT");
  page.line(object.kind(), object.name());
  if (object.has_executable()) {
    page.line("arguments", joined(object.executable().arguments(), " "));
    page.line("directory", object.executable().cwd());
    page.line("origin", object.executable().origin());
  }
  if (object.has_credential()) {
    const auto& credential = object.credential();
    page.line("kind", credential.kind());
    if (credential.volume().empty()) {
      page.line("file", credential.file());
    } else {
      page.line("file", credential.volume() + "/" + credential.file());
      page.line("belongs to",
                fmt::format("{}/{} service account {}", credential.owner_namespace(),
                            credential.owner_pod(), credential.owner_service_account()));
    }
    page.line("token id", credential.token_id());
  }
  if (object.has_destination()) {
    const auto& to = object.destination();
    page.line("to", fmt::format("{} {} port {}: {}", to.protocol(), to.address(), to.port(),
                                to.result()));
  }
  page.section("EVIDENCE");
  for (const auto& evidence : finding.evidence()) {
    page.item(fmt::format("{}  {:<10}  {}  [{}]", evidence.time(), evidence.event_class(),
                          evidence.text(), evidence.event_id()));
    for (const auto& frame : evidence.stack().frames()) page.item("    at " + frame);
  }
}

void against_normal(const v1::Finding& finding, Page& page) {
  const auto& diff = finding.baseline_diff();
  page.section("BASELINE");
  page.line("state", fmt::format("{}, learning since {}, {} known {} behaviours", diff.state(),
                                 diff.learning_since(), diff.known_behaviours(), diff.family()));
  for (const auto& normal : diff.normal()) page.line("- normal", normal);
  page.line("+ seen", diff.seen());
  page.section("VERDICT");
  page.line("RBAC", finding.verdict().rbac());
  page.line("policy", finding.verdict().policy());
  page.line("coverage", finding.coverage().complete()
                            ? "complete: nothing was lost since the baseline began"
                            : "incomplete: see `idtrail coverage`");
  for (const auto& missing : finding.coverage().missing()) page.line("missing", missing);
  const auto& mapping = finding.mapping();
  page.section("MAPPING");
  page.line("OWASP NHI 2025", joined(mapping.owasp_nhi_2025()));
  page.line("NIST CSF", joined(mapping.csf()));
  page.line("zero trust", joined(mapping.zt()));
  page.line("ATT&CK", joined(mapping.attack()));
  page.line("source", joined(mapping.source_ref()));
}

std::string explanation(const v1::Finding& finding, bool colour) {
  Page page(colour);
  page.title(fmt::format("{}  {}  {}", finding.severity(), finding.rule(), finding.id()),
             tone_of(finding.severity()));
  page.title(finding.title(), Tone::kPlain);
  page.section("WHY");
  page.item(finding.why());
  page.line("time", finding.time());
  page.line("confidence", finding.confidence());
  who(finding, page);
  what(finding, page);
  against_normal(finding, page);
  page.section("WHAT TO DO");
  for (const auto& command : finding.respond()) page.item(command);
  return page.text();
}

}  // namespace

int run_explain(const CommonOptions& common, const ExplainOptions& options) {
  const auto found = find_findings(common, options.file);
  if (!found) return fail(found.error());
  const v1::Finding* chosen = nullptr;
  for (const auto& finding : found->reply.findings()) {
    if (!finding.id().starts_with(options.id)) continue;
    if (chosen != nullptr && chosen->id() != finding.id()) {
      return fail(
          {Errc::kInvalid, fmt::format("explain {}: {} and {} begin so; give more of the id",
                                       options.id, chosen->id(), finding.id())});
    }
    chosen = &finding;
  }
  if (chosen == nullptr) {
    return fail({Errc::kNotFound,
                 fmt::format("explain {}: no finding has that id; `idtrail findings` lists "
                             "those that the agent keeps, --file names an older file",
                             options.id)});
  }
  v1::FindingsReply one;
  *one.add_findings() = *chosen;
  if (common.output == "json") {
    // The finding itself, not a list of one.
    CommonOptions lines = common;
    lines.output = "jsonl";
    print_machine(lines, one, "findings");
  } else if (!print_machine(common, one, "findings")) {
    std::cout << explanation(*chosen, use_colour(common));
  }
  return kExitOk;
}

}  // namespace idtrail
