// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/cgroup_path.h"

#include <algorithm>
#include <array>

namespace idtrail {
namespace {

constexpr std::size_t kContainerIdSize = 64;
constexpr std::size_t kUidSize = 36;
constexpr std::size_t kStaticUidSize = 32;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool is_container_id(std::string_view text) {
  return text.size() == kContainerIdSize && std::ranges::all_of(text, is_hex);
}

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool strip_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

struct Form {
  std::string_view prefix;
  Runtime runtime;
  bool monitor;
};
// Longer prefixes before the ones that they begin with.
constexpr std::array kForms = {
    Form{"cri-containerd-", Runtime::kContainerd, false},
    Form{"cri-containerd:", Runtime::kContainerd, false},
    Form{"crio-conmon-", Runtime::kCrio, true},
    Form{"crio-", Runtime::kCrio, false},
    Form{"docker-", Runtime::kDocker, false},
    Form{"libpod-conmon-", Runtime::kPodman, true},
    Form{"libpod-payload-", Runtime::kPodman, false},
    Form{"libpod-", Runtime::kPodman, false},
    Form{"nerdctl-", Runtime::kNerdctl, false},
};

/// 8-4-4-4-12 digits with one kind of separator, or 32 digits. Empty where it is neither.
std::string uid_of(std::string_view text) {
  if (text.size() == kStaticUidSize && std::ranges::all_of(text, is_hex)) return std::string(text);
  if (text.size() != kUidSize) return {};
  const char separator = text[8];
  if (separator != '-' && separator != '_') return {};
  std::string uid(text);
  for (std::size_t i = 0; i < uid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? uid[i] != separator : !is_hex(uid[i])) return {};
    if (dash) uid[i] = '-';
  }
  return uid;
}

/// `pod<uid>`, alone or at the end of a systemd slice's name.
std::string pod_uid_of(std::string_view segment) {
  strip_suffix(segment, ".slice");
  if (segment.starts_with("pod")) return uid_of(segment.substr(3));
  const std::size_t at = segment.rfind("-pod");
  return at == std::string_view::npos ? std::string() : uid_of(segment.substr(at + 4));
}

Qos qos_of(std::string_view segment) {
  if (segment == "burstable" || segment.find("-burstable") != std::string_view::npos) {
    return Qos::kBurstable;
  }
  if (segment == "besteffort" || segment.find("-besteffort") != std::string_view::npos) {
    return Qos::kBestEffort;
  }
  return Qos::kUnstated;
}

/// The container that the segment names; false where it names none.
bool read_container(std::string_view segment, CgroupPath& found) {
  strip_suffix(segment, ".scope");
  // kubelet's systemd paths given to a runtime without systemd: <slice>:cri-containerd:<id>
  const std::size_t colon = segment.find(':');
  const bool sliced = colon != std::string_view::npos;
  std::string_view name = sliced ? segment.substr(colon + 1) : segment;
  for (const Form& form : kForms) {
    if (!strip_prefix(name, form.prefix)) continue;
    if (!is_container_id(name)) return false;
    found.runtime = form.runtime;
    found.monitor = form.monitor;
    break;
  }
  if (!is_container_id(name)) return false;
  found.container_id = name;
  if (sliced) {
    found.pod_uid = pod_uid_of(segment.substr(0, colon));
    found.qos = qos_of(segment.substr(0, colon));
  }
  return true;
}

bool is_unit(std::string_view segment) {
  return segment.ends_with(".service") || segment.ends_with(".scope") ||
         segment.ends_with(".slice");
}

/// What the segments above the container say: its pod, class and, for bare ids, its runtime.
void read_above(std::string_view above, CgroupPath& found) {
  while (!above.empty()) {
    const std::size_t slash = above.rfind('/');
    const std::string_view segment =
        slash == std::string_view::npos ? above : above.substr(slash + 1);
    above = slash == std::string_view::npos ? std::string_view() : above.substr(0, slash);
    if (CgroupPath outer; read_container(segment, outer)) break;  // nested in another container
    if (found.pod_uid.empty()) found.pod_uid = pod_uid_of(segment);
    if (found.qos == Qos::kUnstated) found.qos = qos_of(segment);
    if (found.runtime == Runtime::kUnstated && segment == "docker")
      found.runtime = Runtime::kDocker;
  }
  const bool no_class = found.qos == Qos::kUnstated && !found.pod_uid.empty();
  if (no_class) found.qos = Qos::kGuaranteed;  // kubelet gives the others a level of their own
}

}  // namespace

CgroupPath parse_cgroup_path(std::string_view path) {
  CgroupPath found;
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t slash = rest.rfind('/');
    const std::string_view segment =
        slash == std::string_view::npos ? rest : rest.substr(slash + 1);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(0, slash);
    if (read_container(segment, found)) {
      read_above(rest, found);
      found.unit.clear();
      return found;
    }
    if (found.unit.empty() && is_unit(segment)) found.unit = segment;
  }
  read_above(path, found);
  return found;
}

CgroupPath parse_outermost_cgroup_path(std::string_view path) {
  for (std::size_t end = path.find('/', 1); end < path.size(); end = path.find('/', end + 1)) {
    CgroupPath found = parse_cgroup_path(path.substr(0, end));
    if (!found.container_id.empty()) return found;
  }
  return parse_cgroup_path(path);
}

const char* runtime_name(Runtime runtime) {
  switch (runtime) {
    case Runtime::kContainerd:
      return "containerd";
    case Runtime::kCrio:
      return "cri-o";
    case Runtime::kDocker:
      return "docker";
    case Runtime::kPodman:
      return "podman";
    case Runtime::kNerdctl:
      return "nerdctl";
    default:
      return "unknown";
  }
}

const char* qos_name(Qos qos) {
  switch (qos) {
    case Qos::kGuaranteed:
      return "guaranteed";
    case Qos::kBurstable:
      return "burstable";
    case Qos::kBestEffort:
      return "besteffort";
    default:
      return "unknown";
  }
}

}  // namespace idtrail
