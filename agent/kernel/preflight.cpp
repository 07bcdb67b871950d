// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/preflight.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace idtrail {
namespace {

constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";

std::uint64_t effective_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return 0;
  return sets[0].effective | std::uint64_t{sets[1].effective} << 32U;
}

bool has(std::uint64_t set, unsigned capability) { return (set >> capability & 1U) != 0; }

}  // namespace

Result<void> preflight() {
  const std::uint64_t rights = effective_capabilities();
  const bool may = has(rights, CAP_SYS_ADMIN) || (has(rights, CAP_BPF) && has(rights, CAP_PERFMON));
  if (!may) {
    return Error{Errc::kPermission,
                 "load kernel probes: this process has neither CAP_BPF and CAP_PERFMON nor "
                 "CAP_SYS_ADMIN; run it as root or grant the two"};
  }
  if (access(kKernelTypes, R_OK) != 0) {
    return Error{
        Errc::kUnsupported,
        fmt::format("load kernel probes: read {}: {}; needs Linux 5.10 or later built with "
                    "CONFIG_DEBUG_INFO_BTF, and /sys mounted",
                    kKernelTypes, std::strerror(errno))};
  }
  return {};
}

Error bpf_refused(int error_number, const std::string& what) {
  const char* advice = "see the kernel log";
  if (error_number == EPERM || error_number == EACCES) {
    advice =
        "although this process holds the capabilities: a seccomp filter (a container's profile), "
        "kernel lockdown or a security module forbids bpf(2); allow it or use another node";
  } else if (error_number == ENOSYS) {
    advice = "the kernel was built without CONFIG_BPF_SYSCALL";
  } else if (error_number == ENOMEM) {
    return {Errc::kExhausted, fmt::format("{}: {}; raise the memory limit or make the ring smaller",
                                          what, std::strerror(error_number))};
  }
  return {Errc::kUnsupported, fmt::format("{}: {}; {}", what, std::strerror(error_number), advice)};
}

}  // namespace idtrail
