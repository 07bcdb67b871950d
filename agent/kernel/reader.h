// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "agent/kernel/ring.h"
#include "core/common/result.h"

namespace idtrail {

/// The two rings as one stream in the order of time, so that a fork (bulk) stands before the exec
/// (urgent) that it led to, and an exec before the connect that follows. Not thread-safe.
///
/// Whatever caused a record lay in its ring before the record came to be. A round therefore notes
/// the time, and hands over, the older of both fronts first, what is not younger than that time.
class Reader {
 public:
  using RecordFn = std::function<void(std::span<const std::byte>)>;

  /// The descriptors stay the caller's and outlive it.
  static Result<Reader> open(int urgent_fd, int bulk_fd);

  /// Hands over every record that is there; returns how many. Views live during the call only. A
  /// record leaves its ring when `on_record` is back, so that a reader that is killed loses none.
  std::size_t drain(const RecordFn& on_record);
  /// Waits until an urgent record is there, at most `timeout`.
  void wait(std::chrono::milliseconds timeout) const;
  /// Readable when an urgent record waits.
  [[nodiscard]] int urgent_fd() const { return urgent_.fd(); }
  [[nodiscard]] int bulk_fd() const { return bulk_.fd(); }
  /// Records that a reader before us died with: at most one of each ring, handed over again.
  [[nodiscard]] std::uint64_t handed_again() const { return handed_again_; }

 private:
  Reader(Ring urgent, Ring bulk);
  std::size_t round(const RecordFn& on_record);

  Ring urgent_;
  Ring bulk_;
  std::uint64_t handed_again_ = 0;
};

}  // namespace idtrail
