// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <thread>
#include <variant>

#include "agent/sources/queue.h"
#include "agent/sources/volumes.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Watches the volumes on a thread of its own; facts go into the queue.
class VolumeWatch {
 public:
  /// `facts` outlives the watch.
  VolumeWatch(MountedVolumes volumes, RefusingQueue<v1::Fact>& facts);

  /// Asks for a device that the pipeline does not know, or knows with another inode. Any thread;
  /// never blocks.
  void ask(std::uint32_t device);
  /// Passes the fact on behind those of the new volumes of its pod: they state the service account.
  /// Any thread; never blocks.
  void pass(v1::Fact container);
  /// Questions and answers that found a queue full.
  [[nodiscard]] std::uint64_t refused() const { return asked_.refused(); }

 private:
  using Question = std::variant<std::uint32_t, v1::Fact>;
  void run(const std::stop_token& stop);
  void answer();

  MountedVolumes volumes_;
  RefusingQueue<v1::Fact>& facts_;
  Bell bell_;
  RefusingQueue<Question> asked_{4096, &bell_};
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace idtrail
