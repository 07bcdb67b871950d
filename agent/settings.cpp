// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include <arpa/inet.h>

#include "agent/config.h"
#include "agent/durations.h"

namespace idtrail {
namespace {

using std::filesystem::path;

constexpr std::string_view kDuration = "a duration such as 500ms, 60s, 15m, 24h or 7d";
constexpr std::string_view kPath = "an absolute path";
constexpr std::string_view kOptionalPath = "an absolute path, or \"\" for none";
constexpr std::uint64_t kMinRing = 256U << 10U;
constexpr std::uint64_t kMaxRing = 256U << 20U;
constexpr std::uint64_t kMaxFindingsKept = 100'000;
constexpr std::uint64_t kMaxQuota = 1'000'000'000;
constexpr std::string_view kQuota = "a number of records a second and cgroup, up to 1000000000";
constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};

template <auto Field>
bool set_text(Config& config, std::string_view text) {
  if (text.size() > 253) return false;
  config.*Field = text;
  return true;
}
template <auto Field>
std::string get_text(const Config& config) {
  return config.*Field;
}

template <auto Field, bool kOptional = false>
bool set_path(Config& config, std::string_view text) {
  if (text.empty() ? !kOptional : text.front() != '/') return false;
  config.*Field = path(text).lexically_normal();
  return true;
}
template <auto Field>
std::string get_path(const Config& config) {
  return (config.*Field).string();
}

template <auto Field>
bool set_duration(Config& config, std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || value->count() <= 0) return false;
  config.*Field = *value;
  return true;
}
template <auto Field>
std::string get_duration(const Config& config) {
  return duration_text(config.*Field);
}

/// Both are files of the agent's own, made where they are missing; relative to where it was
/// started.
template <auto Field>
bool set_file(Config& config, std::string_view text) {
  config.*Field = text.empty() ? path() : std::filesystem::absolute(path(text)).lexically_normal();
  return true;
}

bool set_scope(Config& config, std::string_view text) {
  if (!text.empty() && text.front() != '/') return false;
  config.scope_cgroup = text == "/" ? "" : text;
  return true;
}

bool set_ring(Config& config, std::string_view text) {
  const auto bytes = parse_bytes(text);
  if (!bytes || *bytes < kMinRing || *bytes > kMaxRing || !std::has_single_bit(*bytes))
    return false;
  config.ring_bytes = *bytes;
  return true;
}
std::string get_ring(const Config& config) { return bytes_text(config.ring_bytes); }

template <auto Field, std::uint64_t kMax>
bool set_number(Config& config, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > kMax) return false;
  config.*Field = value;
  return true;
}
template <auto Field>
std::string get_number(const Config& config) {
  return std::to_string(config.*Field);
}

/// IPV4:PORT or [IPV6]:PORT; no names, so that nothing is looked up.
bool set_listen(Config& config, std::string_view text) {
  const auto colon = text.rfind(':');
  if (!text.empty()) {
    if (colon == std::string_view::npos) return false;
    std::uint16_t port = 0;
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return false;
    const std::string host(text.substr(0, colon));
    in6_addr address{};
    const bool v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const std::string bare = v6 ? host.substr(1, host.size() - 2) : host;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, bare.c_str(), &address) != 1) return false;
  }
  config.metrics_listen = text;
  return true;
}
template <bool Config::*Field>
bool set_switch(Config& config, std::string_view text) {
  if (text != "true" && text != "false") return false;
  config.*Field = text == "true";
  return true;
}
template <bool Config::*Field>
std::string get_switch(const Config& config) {
  return config.*Field ? "true" : "false";
}

bool set_level(Config& config, std::string_view text) {
  if (std::find(kLevels.begin(), kLevels.end(), text) == kLevels.end()) return false;
  config.log_level = text;
  return true;
}

/// One executable a line.
bool set_readers(Config& config, std::string_view text) {
  std::vector<std::string> readers;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto item = text.substr(0, end);
    if (item.empty() || item.front() != '/' || readers.size() == 64) return false;
    readers.emplace_back(item);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  config.credential_readers = std::move(readers);
  return true;
}
std::string get_readers(const Config& config) {
  std::string text;
  for (const auto& reader : config.credential_readers) text += reader + "\n";
  return text;
}

constexpr Setting kSettings[] = {
    {"node", "--node", "the node's name; \"\" for the host's name", set_text<&Config::node>,
     get_text<&Config::node>},
    {"cluster", "--cluster", "a name; it is part of every identity", set_text<&Config::cluster>,
     get_text<&Config::cluster>},
    {"kubelet_root", "--kubelet-root", kPath, set_path<&Config::kubelet_root>,
     get_path<&Config::kubelet_root>},
    {"cgroup_root", "--cgroup-root", kPath, set_path<&Config::cgroup_root>,
     get_path<&Config::cgroup_root>},
    {"scope_cgroup", "--scope-cgroup", "a cgroup such as /kubepods.slice, or \"\" for all",
     set_scope, get_text<&Config::scope_cgroup>},
    {"containerd_socket", "--containerd-socket", kPath, set_path<&Config::cri_socket>,
     get_path<&Config::cri_socket>},
    {"containerd_state", "--containerd-state", kPath, set_path<&Config::runtime_state>,
     get_path<&Config::runtime_state>},
    {"podman_storage", "--podman-storage", kPath, set_path<&Config::podman_storage>,
     get_path<&Config::podman_storage>},
    {"baseline.learning_window", "--learning-window", kDuration,
     set_duration<&Config::learning_window>, get_duration<&Config::learning_window>},
    {"store", "--store", kOptionalPath, set_path<&Config::store, true>, get_path<&Config::store>},
    {"watch_window", "--watch-window", kDuration, set_duration<&Config::watch_window>,
     get_duration<&Config::watch_window>},
    {"cool_down", "--cool-down", kDuration, set_duration<&Config::cool_down>,
     get_duration<&Config::cool_down>},
    {"credential_readers", "--credential-reader", "a list of absolute paths, at most 64",
     set_readers, get_readers, true},
    {"identity_deadline", "--identity-deadline", kDuration,
     set_duration<&Config::identity_deadline>, get_duration<&Config::identity_deadline>},
    {"ring_size", "--ring-size", "a power of two from 256KiB to 256MiB", set_ring, get_ring},
    {"quota.urgent", "--quota-urgent", kQuota, set_number<&Config::quota_urgent, kMaxQuota>,
     get_number<&Config::quota_urgent>},
    {"quota.bulk", "--quota-bulk", kQuota, set_number<&Config::quota_bulk, kMaxQuota>,
     get_number<&Config::quota_bulk>},
    {"quota.reserved", "--quota-reserved", kQuota, set_number<&Config::quota_reserved, kMaxQuota>,
     get_number<&Config::quota_reserved>},
    {"stacks", "--stacks", "true or false", set_switch<&Config::stacks>,
     get_switch<&Config::stacks>},
    {"syscalls", "--syscalls", "true or false", set_switch<&Config::syscalls>,
     get_switch<&Config::syscalls>},
    {"pins.folder", "--pins", kOptionalPath, set_path<&Config::pins, true>,
     get_path<&Config::pins>},
    {"pins.patience", "--pins-patience", kDuration, set_duration<&Config::pins_patience>,
     get_duration<&Config::pins_patience>},
    {"socket", "--socket", kOptionalPath, set_path<&Config::socket, true>,
     get_path<&Config::socket>},
    {"metrics.listen", "--metrics-listen",
     "an address such as 127.0.0.1:9718 or [::1]:9718, or \"\" for none", set_listen,
     get_text<&Config::metrics_listen>},
    {"record", "--record", "a file's path, or \"\" for none", set_file<&Config::record>,
     get_path<&Config::record>},
    {"findings_file", "--findings", "a file's path, or \"\" for none", set_file<&Config::findings>,
     get_path<&Config::findings>},
    {"findings_kept", "--findings-kept", "a number from 0 to 100000",
     set_number<&Config::findings_kept, kMaxFindingsKept>, get_number<&Config::findings_kept>},
    {"log_level", "--log-level", "debug, info, warn or error", set_level,
     get_text<&Config::log_level>},
};

}  // namespace

std::span<const Setting> settings() { return kSettings; }

}  // namespace idtrail
