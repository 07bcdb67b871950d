// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/owner.h"

#include <algorithm>
#include <optional>

namespace idtrail {
namespace {

/// Generated suffixes hold fewer letters (no vowels, no 0, 1 or 3), but nothing hangs on that.
constexpr std::string_view kSuffixLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kSuffix = 5;

/// The name without "-xxxxx", where it ends in a generated suffix.
std::optional<std::string_view> without_suffix(std::string_view name) {
  if (name.size() < kSuffix + 2 || name[name.size() - kSuffix - 1] != '-') return std::nullopt;
  const auto suffix = name.substr(name.size() - kSuffix);
  if (suffix.find_first_not_of(kSuffixLetters) != std::string_view::npos) return std::nullopt;
  return name.substr(0, name.size() - kSuffix - 1);
}

std::optional<std::string_view> before(std::string_view name, const std::string& end) {
  if (name.size() <= end.size() || !name.ends_with(end)) return std::nullopt;
  return name.substr(0, name.size() - end.size());
}

std::optional<Owner> deployment(std::string_view pod, std::string_view hash) {
  if (hash.empty()) return std::nullopt;
  const auto replica_set = without_suffix(pod);
  if (!replica_set) return std::nullopt;
  const auto name = before(*replica_set, "-" + std::string(hash));
  if (!name) return std::nullopt;
  return Owner{"Deployment", std::string(*name)};
}

/// A Job's pods are "<job>-xxxxx", or "<job>-<index>-xxxxx" where it is indexed. A CronJob's Job
/// stays a Job: that "<cron>-<minutes>" came from a CronJob only the API server knows.
std::optional<Owner> job(std::string_view pod, std::string_view name) {
  if (name.empty() || !pod.starts_with(std::string(name) + "-")) return std::nullopt;
  return Owner{"Job", std::string(name)};
}

std::optional<Owner> stateful_set(std::string_view pod, std::string_view pod_name) {
  const auto dash = pod.rfind('-');
  if (pod_name != pod || dash == std::string_view::npos || dash == 0) return std::nullopt;
  const auto ordinal = pod.substr(dash + 1);
  if (ordinal.empty() ||
      !std::all_of(ordinal.begin(), ordinal.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return Owner{"StatefulSet", std::string(pod.substr(0, dash))};
}

std::optional<Owner> daemon_set(std::string_view pod, std::string_view hash,
                                std::string_view generation) {
  if (hash.empty() || generation.empty()) return std::nullopt;
  const auto name = without_suffix(pod);
  if (!name) return std::nullopt;
  return Owner{"DaemonSet", std::string(*name)};
}

}  // namespace

Owner owner_from_labels(std::string_view pod, const LabelLookup& label) {
  if (auto owner = deployment(pod, label("pod-template-hash"))) return *owner;
  auto job_name = label("batch.kubernetes.io/job-name");
  if (job_name.empty()) job_name = label("job-name");  // before Kubernetes 1.27
  if (auto owner = job(pod, job_name)) return *owner;
  if (auto owner = stateful_set(pod, label("statefulset.kubernetes.io/pod-name"))) return *owner;
  if (auto owner =
          daemon_set(pod, label("controller-revision-hash"), label("pod-template-generation"))) {
    return *owner;
  }
  return Owner{"Pod", std::string(pod)};
}

}  // namespace idtrail
