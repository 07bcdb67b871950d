// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/common/result.h"

namespace idtrail {

/// Everything that an operator can set, with the values that hold where nothing is said.
struct Config {
  std::string node;     // empty: the host's name
  std::string cluster;  // part of every identity
  std::filesystem::path kubelet_root = "/var/lib/kubelet";
  std::filesystem::path cgroup_root = "/sys/fs/cgroup";
  std::string scope_cgroup;  // only this subtree is watched; empty: everything
  std::filesystem::path cri_socket = "/run/containerd/containerd.sock";
  std::filesystem::path runtime_state = "/run/containerd";
  std::filesystem::path podman_storage = "/var/lib/containers/storage";
  std::chrono::nanoseconds learning_window = std::chrono::hours(24);
  std::filesystem::path store = "/var/lib/idtrail/baselines.db";
  std::chrono::nanoseconds watch_window = std::chrono::seconds(60);
  std::chrono::nanoseconds cool_down = std::chrono::hours(1);
  std::chrono::nanoseconds identity_deadline = std::chrono::seconds(5);
  std::vector<std::string> credential_readers = {"/usr/bin/kubelet", "/usr/local/bin/kubelet",
                                                 "/usr/local/bin/k3s", "/usr/local/bin/k0s"};
  std::uint64_t ring_bytes = 4U << 20U;  // of each of the two rings; a power of two
  // Records that one cgroup may send in about a second, so that no flood takes others' room.
  std::uint64_t quota_urgent = 2000;
  std::uint64_t quota_bulk = 8000;
  std::uint64_t quota_reserved = 256;  // urgent ones beyond it, each the first of its kind
  bool stacks = true;     // a finding on a read tells where in its program the process stood
  bool syscalls = false;  // the set of system calls of each container: taxes every call
  std::filesystem::path pins = "/sys/fs/bpf/idtrail";  // empty: nothing outlives the agent
  std::chrono::nanoseconds pins_patience = std::chrono::minutes(10);
  std::filesystem::path socket = "/run/idtrail/agent.sock";
  std::string metrics_listen = "127.0.0.1:9718";  // empty: no metrics page
  std::filesystem::path record;                   // empty: no recording
  std::filesystem::path findings;                 // empty: standard output only
  std::uint64_t findings_kept = 1000;             // in memory, for the socket
  std::string log_level = "info";
};

/// One setting: a key of the file, an option of the command line, and what it may hold.
struct Setting {
  std::string_view key;      // in the file, with dots between levels
  std::string_view option;   // on the command line
  std::string_view allowed;  // for people
  /// False where the text is not allowed; the configuration is then unchanged. A list holds one
  /// item a line.
  bool (*set)(Config& config, std::string_view text);
  std::string (*get)(const Config& config);
  bool list = false;
};

/// Every setting, in the order of the documentation.
std::span<const Setting> settings();

/// Lays the text of a YAML file over `base`. `name` is what errors call it. An error names the
/// file, line and key, and what is allowed.
Result<Config> parse_config(std::string_view yaml, std::string_view name, Config base);

/// parse_config() of a file of at most 1 MiB.
Result<Config> load_config(const std::filesystem::path& file, Config base);

/// The configuration as a file that load_config() reads back.
std::string config_yaml(const Config& config);

}  // namespace idtrail
