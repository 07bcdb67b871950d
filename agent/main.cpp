// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <ctime>
#include <iostream>
#include <map>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/guard.h"
#include "agent/kernel/preflight.h"
#include "agent/privileges.h"
#include "agent/sources/cgroups.h"
#include "agent/system_calls.h"

#ifndef IDTRAIL_VERSION
#define IDTRAIL_VERSION "unknown"
#endif

namespace {

using idtrail::Config;
using idtrail::Errc;

enum Exit : int { kOk = 0, kError = 1, kUsage = 2, kUnsupportedNode = 3, kDegraded = 4 };

constexpr const char* kExamples = R"(
Examples:
  idtrail-agent                                          watch this node with the defaults
  idtrail-agent --config /etc/idtrail/agent.yaml         settings from a file; options win over it
  idtrail-agent --learning-window 10m --findings f.jsonl learn for ten minutes, findings also to a file
  idtrail-agent --record run.idtrail                     record every input, for `idtrail replay`
  idtrail-agent --scope-cgroup /kubepods.slice           watch pods only
  idtrail-agent --unpin                                  take out of the kernel what stays there between runs
  idtrail-agent --print-config >agent.yaml               every setting with its value

Findings go to standard output, one JSON object a line; the log goes to standard error. Ask the
running agent with `idtrail top`, `idtrail findings` and `idtrail coverage`.

Exit: 0 ok, 1 error, 2 usage or configuration, 3 this node cannot be watched (run `idtrail doctor`),
4 some probes were refused (only with --strict).)";

struct Options {
  std::string config_file;
  std::map<std::string_view, std::vector<std::string>> given;  // by setting's key
  bool print_config = false;
  bool strict = false;
  bool overwrite = false;
  bool no_pin = false;
  bool unpin = false;
};

void declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", "idtrail-agent " IDTRAIL_VERSION);
  app.add_option("--config", options.config_file, "YAML file with settings")->type_name("FILE");
  app.add_flag("--print-config", options.print_config, "Print the settings as YAML and exit");
  app.add_flag("--strict", options.strict, "Exit with 4 if a probe is refused");
  app.add_flag("--overwrite", options.overwrite, "Replace the recording if it exists");
  app.add_flag("--no-pin", options.no_pin, "Leave nothing in the kernel when the agent ends");
  app.add_flag("--unpin", options.unpin, "Take out of the kernel what other runs left, and exit");
  for (const auto& setting : idtrail::settings()) {
    auto* option = app.add_option(std::string(setting.option), options.given[setting.key],
                                  fmt::format("{} ({})", setting.key, setting.allowed));
    option->type_name("VALUE")->group("Settings");
    if (!setting.list) option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  app.footer(kExamples);
}

/// The file's settings under those of the command line.
idtrail::Result<Config> settle(const Options& options) {
  Config config;
  if (!options.config_file.empty()) {
    auto loaded = idtrail::load_config(options.config_file, config);
    if (!loaded) return loaded.error();
    config = std::move(*loaded);
  }
  for (const auto& setting : idtrail::settings()) {
    const auto& values = options.given.at(setting.key);
    if (values.empty()) continue;
    std::string text;
    for (const auto& value : values) text += setting.list ? value + "\n" : value;
    if (!setting.set(config, text)) {
      return idtrail::Error{Errc::kInvalid, fmt::format("{} must be {}, not \"{}\"", setting.option,
                                                        setting.allowed, values.front())};
    }
  }
  return config;
}

void start_log(const std::string& level) {
  auto log =
      std::make_shared<spdlog::logger>("agent", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::info);
  spdlog::set_default_logger(log);
}

/// Readable when the agent is to stop. Before any thread starts, so that all of them block the
/// signals.
int stop_signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

int cannot_watch(const idtrail::Error& error) {
  if (error.code == Errc::kUnavailable) {
    spdlog::error("start refused error=\"{}\"", error.message);
    return kError;
  }
  spdlog::error("this node cannot be watched error=\"{}\" advice=\"run `idtrail doctor`\"",
                error.message);
  switch (error.code) {
    case Errc::kPermission:
    case Errc::kUnsupported:
      return kUnsupportedNode;
    case Errc::kInvalid:
      return kUsage;
    default:
      return kError;
  }
}

int cannot_start(const idtrail::Error& error) {
  spdlog::error("start failed error=\"{}\"", error.message);
  return kError;
}

std::size_t warn_refused(const idtrail::Sensor& sensor) {
  std::size_t refused = 0;
  for (const auto& probe : sensor.probes()) {
    if (!probe.hook.empty()) continue;
    ++refused;
    spdlog::warn("probe refused name={} error=\"{}\"", probe.name, probe.error);
  }
  return refused;
}

std::chrono::microseconds cpu_time() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::duration_cast<std::chrono::microseconds>(
                                                  std::chrono::nanoseconds(spent.tv_nsec));
}

std::vector<std::uint64_t> standing_cgroups(const std::string& root) {
  std::vector<std::uint64_t> ids;
  idtrail::walk_cgroups(root, [&](const auto& cgroup) {
    ids.push_back(cgroup.id());
    return true;
  });
  return ids;
}

int unpin(const Config& config) {
  if (auto removed = idtrail::Sensor::remove_pins(config.pins.string()); !removed) {
    std::cerr << "idtrail-agent: " << removed.error().message << "\n";
    return kError;
  }
  return kOk;
}

int watch(const Config& config, const Options& options) {
  const int stop_fd = stop_signals();
  if (auto may = idtrail::preflight(); !may) return cannot_watch(may.error());
  idtrail::SensorOptions wanted;
  wanted.ring_bytes = static_cast<std::uint32_t>(config.ring_bytes);
  wanted.cgroup_root = config.cgroup_root.string();
  wanted.standing = standing_cgroups;
  wanted.stacks = config.stacks;
  wanted.syscalls = config.syscalls;
  wanted.quota = {.urgent = static_cast<std::uint32_t>(config.quota_urgent),
                  .bulk = static_cast<std::uint32_t>(config.quota_bulk),
                  .reserved = static_cast<std::uint32_t>(config.quota_reserved)};
  auto guard = idtrail::Guard::prepare();
  if (!guard) return cannot_start(guard.error());
  auto symbols = idtrail::SymbolHelper::start();
  if (!symbols) return cannot_start(symbols.error());
  wanted.pins = options.no_pin ? "" : config.pins.string();
  wanted.patience = config.pins_patience;
  auto sensor = idtrail::Sensor::open(wanted);
  if (!sensor && sensor.error().code == Errc::kNotFound) {
    spdlog::warn("nothing stays in the kernel between runs error=\"{}\"", sensor.error().message);
    wanted.pins.clear();
    sensor = idtrail::Sensor::open(wanted);
  }
  if (!sensor) return cannot_watch(sensor.error());
  // The programs are attached: no right to do so again is needed, nor is any in a thread.
  if (auto dropped = idtrail::drop_capabilities(); !dropped) return cannot_start(dropped.error());
  const std::size_t all = sensor->probes().size();
  const std::size_t refused = warn_refused(*sensor);
  spdlog::info("probes attached count={} refused={} taken_over={} cpu_us={}", all - refused,
               refused, sensor->takeover().found, cpu_time().count());
  if (options.strict && refused > 0) return kDegraded;
  auto agent = idtrail::Agent::start(config, std::move(*sensor), std::move(*guard),
                                     std::move(*symbols), options.overwrite);
  if (!agent) return cannot_start(agent.error());
  if (auto confined = idtrail::confine_agent(); !confined) {
    spdlog::warn("system calls not confined error=\"{}\"", confined.error().message);
  }
  spdlog::info("ready probes={} refused={} socket={} store={} learning_window={}s", all - refused,
               refused, config.socket.string(), config.store.string(),
               std::chrono::duration_cast<std::chrono::seconds>(config.learning_window).count());
  (*agent)->run(stop_fd);
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Watches what every workload identity of this node does, and reports what deviates.");
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  const auto config = settle(options);
  if (!config) {
    // Whoever may not read the settings may seldom watch the node: that is then the thing to say.
    if (auto may = idtrail::preflight(); config.error().code == Errc::kPermission && !may) {
      return cannot_watch(may.error());
    }
    std::cerr << "idtrail-agent: " << config.error().message << "\n";
    return kUsage;
  }
  if (options.print_config) {
    std::cout << idtrail::config_yaml(*config);
    return kOk;
  }
  if (options.unpin) return unpin(*config);
  start_log(config->log_level);
  return watch(*config, options);
}
