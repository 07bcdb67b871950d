// SPDX-License-Identifier: Apache-2.0
#include "agent/privileges.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace idtrail {
namespace {

constexpr int kCapabilitiesMax = 64;

constexpr std::uint64_t bit(unsigned capability) { return 1ULL << capability; }
constexpr std::uint64_t kLooking = bit(CAP_SYS_PTRACE) | bit(CAP_DAC_READ_SEARCH);
constexpr std::uint64_t kKept = bit(CAP_BPF) | kLooking;

Error refused(const char* what) {
  return {Errc::kPermission, fmt::format("{}: {}", what, std::strerror(errno))};
}

/// Where that is allowed: else no_new_privs alone keeps programs from getting rights back.
void shrink_bounding_set(std::uint64_t kept) {
  for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
    if ((kept >> static_cast<unsigned>(capability) & 1U) == 0) {
      (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
  }
}

Result<void> keep_only(std::uint64_t kept) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("set no_new_privs");
  shrink_bounding_set(kept);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return refused("read capabilities");
  for (unsigned half = 0; half < sets.size(); ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    sets[half].permitted &= mask;
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, sets.data()) != 0) return refused("drop capabilities");
  return {};
}

}  // namespace

Result<void> drop_capabilities() { return keep_only(kKept); }

Result<void> drop_to_looking() { return keep_only(kLooking); }

Result<void> drop_all_capabilities() { return keep_only(0); }

}  // namespace idtrail
