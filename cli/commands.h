// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/common/result.h"
#include "core/node/checks.h"

namespace idtrail {

/// What every command understands.
struct CommonOptions {
  std::string socket = "/run/idtrail/agent.sock";
  std::string output;  // table, wide, json, jsonl, yaml; empty: the command's own default
  bool no_color = false;
};

struct TopOptions {
  std::string name_space;  // empty: all
  bool all_namespaces = false;
  bool watch = false;
  double interval_seconds = 2;
};

struct FindingsOptions {
  std::string file;  // empty: the agent
  std::string name_space;
  bool all_namespaces = false;
  std::string pod;
  std::string rule;
  std::string severity;  // at least
  std::uint32_t limit = 0;
  std::string fail_on;
};

struct ExplainOptions {
  std::string id;  // or the first characters of it
  std::string file;
};

struct DoctorOptions {
  NodeSettings node;
  bool node_only = false;
};

struct ReplayOptions {
  std::string file;
  std::string view = "findings";  // or top, coverage: as the agent would have said at the end
  std::string fail_on;
};

// Each runs one command and returns its exit code (cli/exit_codes.h). Results go to standard
// output, everything else to standard error.
int run_top(const CommonOptions& common, const TopOptions& options);
int run_findings(const CommonOptions& common, const FindingsOptions& options);
int run_explain(const CommonOptions& common, const ExplainOptions& options);
int run_baseline_show(const CommonOptions& common, const std::string& selector);
int run_baseline_export(const CommonOptions& common, const std::string& selector);
int run_coverage(const CommonOptions& common);
int run_doctor(const CommonOptions& common, const DoctorOptions& options);
int run_replay(const CommonOptions& common, const ReplayOptions& options);

}  // namespace idtrail
