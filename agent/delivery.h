// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "agent/config.h"
#include "agent/sources/queue.h"
#include "core/common/result.h"
#include "core/sink/sink.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// Findings on their way out: to the sinks, on a thread of its own, and kept in memory for the
/// socket. A sink that fails or blocks never holds detection up; what it missed is counted.
class Delivery {
 public:
  /// Called with how many findings are dealt with so far, on either thread; outlives the delivery.
  using OnDelivered = std::function<void(std::uint64_t)>;
  /// Standard output, and the findings file where one is set.
  static Result<std::unique_ptr<Delivery>> open(const Config& config, OnDelivered on_delivered);
  ~Delivery();

  /// Pipeline thread.
  void submit(std::vector<v1::Finding> findings);
  [[nodiscard]] v1::FindingsReply select(const v1::FindingsRequest& request) const;

  [[nodiscard]] std::uint64_t raised() const { return raised_; }
  /// Findings times sinks that did not take them.
  [[nodiscard]] std::uint64_t failed() const { return failed_.load() + lines_.refused(); }

 private:
  using Sinks = std::vector<std::unique_ptr<Sink>>;
  Delivery(Sinks sinks, std::size_t kept_max, OnDelivered on_delivered);
  void count_delivered();
  void run(const std::stop_token& stop);
  void deliver(const std::string& line);

  Sinks sinks_;  // the delivering thread's
  std::size_t kept_max_;
  std::deque<v1::Finding> kept_;  // the pipeline thread's, oldest first
  std::uint64_t raised_ = 0;
  OnDelivered on_delivered_;
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> failed_{0};
  RefusingQueue<std::string> lines_{8192};
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace idtrail
