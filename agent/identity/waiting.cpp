// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/waiting.h"

#include <utility>

namespace idtrail {

bool WaitingRoom::full(std::size_t bytes) const {
  return !queue_.empty() && (queue_.size() >= kEventsMax || bytes_ + bytes > kBytesMax);
}

void WaitingRoom::push(Waiting waiting) {
  ++waiting.place->waiting;
  bytes_ += waiting.record.size();
  queue_.push_back(std::move(waiting));
}

/// Follows a place that has become known as another.
void WaitingRoom::settle(Waiting& waiting) {
  while (waiting.place->moved_to != nullptr) {
    --waiting.place->waiting;
    waiting.place = waiting.place->moved_to;
    ++waiting.place->waiting;
  }
}

Waiting WaitingRoom::take_oldest() {
  Waiting oldest = std::move(queue_.front());
  queue_.pop_front();
  settle(oldest);
  --oldest.place->waiting;
  bytes_ -= oldest.record.size();
  return oldest;
}

void WaitingRoom::sweep(const std::function<bool(Waiting&)>& go) {
  const std::uint64_t sweep = ++sweeps_;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    Waiting& waiting = queue_[i];
    settle(waiting);
    Place& place = *waiting.place;
    if (place.held_in != sweep && go(waiting)) {
      --place.waiting;
      bytes_ -= waiting.record.size();
      continue;
    }
    place.held_in = sweep;
    if (kept != i) queue_[kept] = std::move(waiting);
    ++kept;
  }
  queue_.resize(kept);
}

}  // namespace idtrail
