// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <vector>

#include "core/baseline/baselines.h"

namespace idtrail {

/// Changes on their way to the disk: bounded, newest refused when full, taken as one group. Any
/// thread submits, one takes. What failed comes back and is handed out again, later and first.
class WriteQueue {
 public:
  explicit WriteQueue(std::size_t max_facts) : max_facts_(max_facts) {}

  void submit(BaselineChanges changes);

  /// Waits for changes, or, while something has come back, for `retry_after`. Empty only when
  /// `stop` is requested and nothing is left.
  BaselineChanges take(const std::stop_token& stop, std::chrono::milliseconds retry_after);
  /// The group that was taken is on disk.
  void done();
  /// It is not: keep it.
  void come_back(BaselineChanges group);

  /// Waits until every change submitted so far has been taken and has ended in done() or
  /// come_back().
  void wait_tried();

  /// Facts refused for lack of room.
  [[nodiscard]] std::uint64_t refused() const;

 private:
  static std::size_t size(const BaselineChanges& changes) {
    return changes.baselines.size() + changes.behaviours.size();
  }
  static void append(BaselineChanges& to, BaselineChanges&& from);
  std::size_t waiting() const { return size(fresh_) + size(returned_); }

  const std::size_t max_facts_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  BaselineChanges fresh_;
  BaselineChanges returned_;
  std::uint64_t submitted_ = 0;  // calls of submit()
  std::uint64_t taken_ = 0;      // of which so many stood in the groups taken
  std::uint64_t tried_ = 0;      // and so many have been tried
  std::uint64_t refused_ = 0;
};

}  // namespace idtrail
