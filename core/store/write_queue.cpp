// SPDX-License-Identifier: Apache-2.0
#include "core/store/write_queue.h"

#include <iterator>
#include <utility>

namespace idtrail {

void WriteQueue::append(BaselineChanges& to, BaselineChanges&& from) {
  to.baselines.insert(to.baselines.end(), std::make_move_iterator(from.baselines.begin()),
                      std::make_move_iterator(from.baselines.end()));
  to.behaviours.insert(to.behaviours.end(), std::make_move_iterator(from.behaviours.begin()),
                       std::make_move_iterator(from.behaviours.end()));
}

void WriteQueue::submit(BaselineChanges changes) {
  const std::lock_guard lock(mutex_);
  if (size(changes) == 0) return;
  if (waiting() + size(changes) > max_facts_) {
    refused_ += size(changes);
    return;
  }
  append(fresh_, std::move(changes));
  ++submitted_;
  changed_.notify_all();
}

BaselineChanges WriteQueue::take(const std::stop_token& stop,
                                 std::chrono::milliseconds retry_after) {
  std::unique_lock lock(mutex_);
  const auto has_fresh = [this] { return size(fresh_) > 0; };
  if (size(returned_) > 0) {
    changed_.wait_for(lock, stop, retry_after, has_fresh);
  } else {
    changed_.wait(lock, stop, has_fresh);
  }
  // Older first: a fact that came again since then overwrites the one that failed.
  BaselineChanges group = std::exchange(returned_, {});
  append(group, std::exchange(fresh_, {}));
  taken_ = submitted_;
  return group;
}

void WriteQueue::done() {
  const std::lock_guard lock(mutex_);
  tried_ = taken_;
  changed_.notify_all();
}

void WriteQueue::come_back(BaselineChanges group) {
  const std::lock_guard lock(mutex_);
  returned_ = std::move(group);
  tried_ = taken_;
  changed_.notify_all();
}

void WriteQueue::wait_tried() {
  std::unique_lock lock(mutex_);
  const std::uint64_t goal = submitted_;
  changed_.wait(lock, [this, goal] { return tried_ >= goal; });
}

std::uint64_t WriteQueue::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace idtrail
