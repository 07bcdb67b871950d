// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace idtrail {

/// What one bpf(2) attempt said: 0, or the errno and what it means here.
struct Attempt {
  int error = 0;
  std::string meaning;
};

/// Loads `return 0` as a socket filter and closes it: is bpf(2) allowed at all?
Attempt try_program_load();

/// Asks for the kernel's own BTF by id, which tracing programs need. From 6.9 on it takes
/// CAP_SYS_ADMIN besides CAP_BPF.
Attempt try_kernel_btf();

/// CapEff of /proc/self/status.
std::uint64_t effective_capabilities(const std::string& proc);

}  // namespace idtrail
