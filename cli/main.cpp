// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/exit_codes.h"

#ifndef IDTRAIL_VERSION
#define IDTRAIL_VERSION "unknown"
#endif

namespace {

using idtrail::CommonOptions;

/// Every option of every command; one of the commands is chosen.
struct Chosen {
  CommonOptions common;
  idtrail::TopOptions top;
  idtrail::FindingsOptions findings;
  idtrail::ExplainOptions explain;
  std::string selector;
  idtrail::DoctorOptions doctor;
  idtrail::ReplayOptions replay;
  int result = idtrail::kExitOk;
};

constexpr const char* kExamples =
    "\nExamples:\n  idtrail top\n  idtrail findings --severity high\n"
    "  idtrail explain 3f9c1a\n  idtrail doctor\n";
constexpr const char* kExitCodes =
    "\nExit: 0 ok, 1 error, 2 usage, 3 unsupported node, 4 degraded, 5 findings present "
    "(--fail-on).";

const std::vector<std::string> kOutputs{"table", "wide", "json", "jsonl", "yaml"};
const std::vector<std::string> kSeverities{"info", "low", "medium", "high", "critical"};

CLI::App* command(CLI::App& app, Chosen& chosen, const char* name, const char* about,
                  const char* examples) {
  CLI::App* sub = app.add_subcommand(name, about);
  sub->add_option("-o,--output", chosen.common.output, "How to print")
      ->check(CLI::IsMember(kOutputs));
  sub->add_option("--socket", chosen.common.socket, "The agent's socket")->capture_default_str();
  sub->add_flag("--no-color", chosen.common.no_color, "No colours (also: NO_COLOR=1)");
  sub->footer(std::string("\nExamples:\n") + examples);
  return sub;
}

void add_top(CLI::App& app, Chosen& chosen) {
  auto* sub = command(app, chosen, "top", "Pods, containers and units by risk",
                      "  idtrail top                 every pod, once\n"
                      "  idtrail top -n shop --watch again every two seconds\n"
                      "  idtrail top -o json | jq '.rows[].identity'");
  sub->add_option("-n,--namespace", chosen.top.name_space, "Only this namespace");
  sub->add_flag("-A,--all-namespaces", chosen.top.all_namespaces, "Every namespace (the default)");
  sub->add_flag("-w,--watch", chosen.top.watch, "Again and again");
  sub->add_option("--interval", chosen.top.interval_seconds, "Seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  sub->callback([&chosen] { chosen.result = run_top(chosen.common, chosen.top); });
}

void add_findings(CLI::App& app, Chosen& chosen) {
  auto& options = chosen.findings;
  auto* sub = command(app, chosen, "findings", "What deviated, oldest first",
                      "  idtrail findings -n shop\n"
                      "  idtrail findings --file findings.jsonl --severity high -o wide\n"
                      "  idtrail findings --fail-on medium    ends with 5 if there is one");
  sub->add_option("-f,--file", options.file, "Read a file of JSON lines, not the agent");
  sub->add_option("-n,--namespace", options.name_space, "Only this namespace");
  sub->add_flag("-A,--all-namespaces", options.all_namespaces, "Every namespace (the default)");
  sub->add_option("--pod", options.pod, "Only this pod");
  sub->add_option("--rule", options.rule, "Only this rule, such as exec-novel");
  sub->add_option("--severity", options.severity, "At least this severe")
      ->check(CLI::IsMember(kSeverities));
  sub->add_option("--limit", options.limit, "The newest only");
  sub->add_option("--fail-on", options.fail_on, "End with 5 if one is at least this severe")
      ->check(CLI::IsMember(kSeverities));
  sub->callback([&chosen] { chosen.result = run_findings(chosen.common, chosen.findings); });
}

void add_explain(CLI::App& app, Chosen& chosen) {
  auto* sub =
      command(app, chosen, "explain", "Why a finding was raised, its evidence, and what to do",
              "  idtrail explain 3f9c1a\n"
              "  idtrail explain 3f9c1a --file findings.jsonl");
  sub->add_option("ID", chosen.explain.id, "The finding's id, or how it begins")->required();
  sub->add_option("-f,--file", chosen.explain.file, "Read a file of JSON lines, not the agent");
  sub->callback([&chosen] { chosen.result = run_explain(chosen.common, chosen.explain); });
}

void add_baseline(CLI::App& app, Chosen& chosen) {
  auto* group = app.add_subcommand("baseline", "What is normal for an identity");
  group->require_subcommand(1);
  auto* show = command(*group, chosen, "show", "Identities and what is normal for them",
                       "  idtrail baseline show                 every identity\n"
                       "  idtrail baseline show shop/cart       with each behaviour");
  show->add_option("IDENTITY", chosen.selector, "NAMESPACE/OWNER[/CONTAINER] or an id");
  show->callback([&chosen] { chosen.result = run_baseline_show(chosen.common, chosen.selector); });
  auto* save = command(*group, chosen, "export", "Baselines as YAML, to review and keep in git",
                       "  idtrail baseline export shop/cart >cart.yaml");
  save->add_option("IDENTITY", chosen.selector, "NAMESPACE/OWNER[/CONTAINER] or an id");
  save->callback(
      [&chosen] { chosen.result = run_baseline_export(chosen.common, chosen.selector); });
}

void add_node(CLI::App& app, Chosen& chosen) {
  auto* coverage =
      command(app, chosen, "coverage", "What is seen and what is not, with every loss",
              "  idtrail coverage\n  idtrail coverage -o wide    counters that are zero, too");
  coverage->callback([&chosen] { chosen.result = run_coverage(chosen.common); });
  auto* doctor =
      command(app, chosen, "doctor", "What this node can and cannot observe, with the fix",
              "  idtrail doctor                the node, and the agent if one runs\n"
              "  idtrail doctor --node-only    before the agent is installed");
  auto& node = chosen.doctor.node;
  doctor->add_flag("--node-only", chosen.doctor.node_only, "Leave the agent out");
  doctor->add_option("--containerd-socket", node.containerd_socket, "The runtime's CRI socket")
      ->capture_default_str();
  doctor->add_option("--kubelet-root", node.kubelet_root, "The kubelet's directory")
      ->capture_default_str();
  doctor->add_option("--cgroup-root", node.cgroup_root, "Where cgroup file systems are mounted")
      ->capture_default_str();
  doctor->callback([&chosen] { chosen.result = run_doctor(chosen.common, chosen.doctor); });
}

void add_replay(CLI::App& app, Chosen& chosen) {
  auto* sub =
      command(app, chosen, "replay", "Runs a recording through the same pipeline, in event time",
              "  idtrail replay run.idtrail             the agent's findings, byte for byte\n"
              "  idtrail replay run.idtrail -o table\n"
              "  idtrail replay run.idtrail --view top\n"
              "  idtrail replay run.idtrail --fail-on high >/dev/null");
  sub->add_option("FILE", chosen.replay.file, "What idtrail-agent --record wrote")->required();
  sub->add_option("--view", chosen.replay.view, "What to show")
      ->check(CLI::IsMember(std::vector<std::string>{"findings", "top", "coverage"}))
      ->capture_default_str();
  sub->add_option("--fail-on", chosen.replay.fail_on,
                  "End with 5 if a finding is at least this severe")
      ->check(CLI::IsMember(kSeverities));
  sub->callback([&chosen] { chosen.result = run_replay(chosen.common, chosen.replay); });
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error that we say, not a death
  CLI::App app("Shows what every workload identity of a node was seen to do, and what deviates.");
  Chosen chosen;
  if (const char* socket = std::getenv("IDTRAIL_SOCKET")) chosen.common.socket = socket;
  app.set_version_flag("--version", "idtrail " IDTRAIL_VERSION);
  app.add_option("--socket", chosen.common.socket, "The agent's socket (IDTRAIL_SOCKET)");
  app.require_subcommand(1);
  app.footer(std::string(kExamples) + kExitCodes);
  add_top(app, chosen);
  add_findings(app, chosen);
  add_explain(app, chosen);
  add_baseline(app, chosen);
  add_node(app, chosen);
  add_replay(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? idtrail::kExitOk : idtrail::kExitUsage;
  }
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "idtrail: standard output was closed or is full\n";
    return idtrail::kExitError;
  }
  return chosen.result;
}
