// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "idtrail/control.h"
#include "tests/bench/kernel/operations.h"

namespace idtrail::bench {

/// Mounts what the operations work on, for the life of the process.
Places set_stage();
/// The device of a path, as the kernel keeps it.
std::uint32_t device_of(const std::string& path);

/// Puts this process into the cgroup of a container, or back to the root.
void enter_container(bool inside);

/// A sensor that runs in a process of its own, as the agent does, and reads what it is sent.
class SensorProcess {
 public:
  /// Returns once every probe is attached. The device is a tmpfs, judged as `verdict`.
  SensorProcess(std::uint32_t device, volume_kind verdict);
  ~SensorProcess();
  SensorProcess(const SensorProcess&) = delete;
  SensorProcess& operator=(const SensorProcess&) = delete;

 private:
  pid_t child_ = -1;
};

}  // namespace idtrail::bench
