// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "agent/sources/seeds.h"

namespace idtrail {

struct DescriptorSettings {
  std::string proc = "/proc";
  std::uint64_t now_boot_ns = 0;
  /// The generation that the kernel half keeps of a device (control.h).
  std::function<std::uint32_t(std::uint32_t device)> generation;
};

/// What running processes hold open: credential files, and TCP connections.
struct OpenDescriptors {
  /// Each as the kernel would have told of its opening, marked EVENT_AT_START.
  std::vector<std::vector<std::byte>> records;
  std::uint64_t skipped = 0;  // beyond a bound, malformed, or gone before they were read
};

/// Looks through /proc/PID/fd of the seeds' processes, and through /proc/PID/net/tcp and tcp6 of
/// one process in each network namespace: so no right over the network is needed. A connection
/// whose local port listens counts as taken, any other as made. Of a connection that several
/// processes hold, the one that started first is told.
OpenDescriptors open_descriptors(std::span<const v1::ProcessFact> processes,
                                 const DescriptorSettings& settings);

}  // namespace idtrail
