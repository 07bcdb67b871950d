// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "agent/kernel/handles.h"
#include "core/common/result.h"

namespace idtrail {

/// The two rings as one stream in the order of time, so that a fork (bulk) stands before the exec
/// (urgent) that it led to, and an exec before the connect that follows. Not thread-safe.
///
/// Whatever caused a record lay in its ring before the record came to be. A round therefore notes
/// the time, takes the bulk ring, then the urgent ring, and hands over what is not younger than
/// that time; the rest waits for the next round, which may come at once.
class Reader {
 public:
  using RecordFn = std::function<void(std::span<const std::byte>)>;

  /// The descriptors stay the caller's and outlive it.
  static Result<Reader> open(int urgent_fd, int bulk_fd);
  ~Reader();
  Reader(Reader&& other) noexcept;
  Reader& operator=(Reader&& other) noexcept;

  /// Hands over every record that is there; returns how many. Views live during the call only.
  std::size_t drain(const RecordFn& on_record);
  /// Waits until an urgent record is there, at most `timeout`.
  void wait(std::chrono::milliseconds timeout) const;
  /// Readable when an urgent record waits.
  [[nodiscard]] int epoll_fd() const;

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idtrail
