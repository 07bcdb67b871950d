// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "agent/identity/place.h"
#include "agent/identity/subjects.h"
#include "core/model/event.h"

namespace idtrail {

/// An event whose container or volume is not known yet: a copy of its record, and who did it.
struct Waiting {
  std::vector<std::byte> record{};
  Place* place = nullptr;
  SubjectPtr subject{};
  ProcessKey tree{};
  BootTime deadline{};
};

/// The waiting room: bounded in events and bytes. Within a place nobody overtakes.
class WaitingRoom {
 public:
  static constexpr std::size_t kEventsMax = 16384;
  static constexpr std::size_t kBytesMax = 8U << 20U;

  [[nodiscard]] bool empty() const { return queue_.empty(); }
  [[nodiscard]] std::size_t size() const { return queue_.size(); }
  /// The caller takes the oldest first while this is true for the newcomer's size.
  [[nodiscard]] bool full(std::size_t bytes) const;
  void push(Waiting waiting);

  /// The oldest; only where not empty. Deadlines are in its order.
  [[nodiscard]] const Waiting& oldest() const { return queue_.front(); }
  Waiting take_oldest();

  /// Offers every event, oldest first; `go` returns true where it has let the event go. An event
  /// behind one of its place that stays is not offered. `go` must not touch the room.
  void sweep(const std::function<bool(Waiting&)>& go);

 private:
  static void settle(Waiting& waiting);

  std::deque<Waiting> queue_;
  std::size_t bytes_ = 0;
  std::uint64_t sweeps_ = 0;
};

}  // namespace idtrail
