// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace idtrail {

/// Wakes a thread that waits in poll(2). Any thread may ring it.
class Bell {
 public:
  Bell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Bell() {
    if (fd_ >= 0) close(fd_);
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() const { (void)eventfd_write(fd_, 1); }
  void clear() const {
    eventfd_t rung = 0;
    (void)eventfd_read(fd_, &rung);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

/// A bounded queue between threads. Full: the new item is refused and counted, the sender goes on.
template <typename T>
class RefusingQueue {
 public:
  /// `bell`, where given, is rung at every push and must outlive the queue.
  explicit RefusingQueue(std::size_t capacity, const Bell* bell = nullptr)
      : capacity_(capacity), bell_(bell) {}

  /// False where the queue is full: the item is gone and counted.
  bool push(T item) {
    {
      const std::lock_guard lock(mutex_);
      if (items_.size() >= capacity_) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return false;
      }
      items_.push_back(std::move(item));
    }
    filled_.notify_one();
    if (bell_ != nullptr) bell_->ring();
    return true;
  }

  std::optional<T> try_pop() {
    const std::lock_guard lock(mutex_);
    return take();
  }

  /// The next item; nothing after `timeout` or when a stop is requested.
  std::optional<T> pop(const std::stop_token& stop, std::chrono::nanoseconds timeout) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, stop, timeout, [this] { return !items_.empty(); });
    return take();
  }

  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  std::optional<T> take() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

  std::size_t capacity_;
  const Bell* bell_;
  std::mutex mutex_;
  std::condition_variable_any filled_;
  std::deque<T> items_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace idtrail
