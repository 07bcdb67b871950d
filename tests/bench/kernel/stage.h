// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "idtrail/control.h"
#include "tests/bench/kernel/operations.h"

namespace idtrail::bench {

/// Mounts what the operations work on, for the life of the process.
Places set_stage();
/// The device of a path, as the kernel keeps it.
std::uint32_t device_of(const std::string& path);

/// Puts this process into the cgroup of a container, or back to the root.
void enter_container(bool inside);

/// What else the sensor knows of: cgroups with books of their own, and verdicts on behaviours.
struct Crowd {
  std::uint32_t cgroups = 0;
  std::uint32_t behaviours = 0;
};

/// A process beside ours, as the agent is. A second process makes a fork dearer by itself, so what
/// is measured without a sensor has one too.
class Agent {
 public:
  /// With a sensor, whose records it reads: returns once every probe is attached. The device is a
  /// tmpfs, judged as `verdict`. Where it learns, everything that it sees is known from then on.
  /// With `syscalls` the set of system calls is kept too.
  Agent(std::uint32_t device, volume_kind verdict, bool learns = false, bool syscalls = false,
        Crowd crowd = {});
  /// Without one.
  Agent();
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

 private:
  pid_t child_ = -1;
};

}  // namespace idtrail::bench
