// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace idtrail {

enum class Runtime : std::uint8_t { kUnstated, kContainerd, kCrio, kDocker, kPodman, kNerdctl };
enum class Qos : std::uint8_t { kUnstated, kGuaranteed, kBurstable, kBestEffort };

/// What a cgroup's path says by its form alone. Empty fields: it does not say.
struct CgroupPath {
  Runtime runtime = Runtime::kUnstated;
  Qos qos = Qos::kUnstated;
  std::string container_id{};  // 64 hexadecimal digits, lower-case
  std::string pod_uid{};       // with dashes, or 32 digits for a static pod
  std::string unit{};          // innermost systemd service, scope or slice outside any container
  bool monitor = false;        // a container's monitor process (conmon), not the container
};

/// Reads every form that kubelet, container runtimes and systemd give a cgroup; the innermost
/// container wins. Any bytes are allowed.
CgroupPath parse_cgroup_path(std::string_view path);

/// The same for the outermost container: what lies below it is its own doing.
CgroupPath parse_outermost_cgroup_path(std::string_view path);

const char* runtime_name(Runtime runtime);
const char* qos_name(Qos qos);

}  // namespace idtrail
