// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "agent/identity/flat_map.h"
#include "agent/kernel/sensor.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Brings the kernel's books to the pipeline as facts: at once where something was lost, every ten
/// seconds otherwise, and at last when a cgroup is gone. Agent thread.
class Books {
 public:
  using Feed = std::function<void(const v1::Fact&)>;
  /// The sensor outlives it.
  Books(Sensor& sensor, Feed feed) : sensor_(sensor), feed_(std::move(feed)) {}

  /// For a cgroup that stood before the probes.
  void open(std::uint64_t cgroup_id);
  /// Whether it is time to read() them; asked about once a second. Feeds what was lost in all.
  /// `now` is CLOCK_BOOTTIME in nanoseconds; `records` is how many came so far: while none do, the
  /// books change little, and to look through the whole table is dear.
  bool due(std::uint64_t now, std::uint64_t records);
  /// All that changed since the last time. Returns the cgroups that are gone: their books are
  /// closed.
  std::vector<std::uint64_t> read();
  /// Cgroups for which there was no room: their events are on the books of nobody.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  void feed_losses();
  /// True if they are closed now.
  bool feed(const CgroupBooks& books);

  Sensor& sensor_;
  Feed feed_;
  std::vector<KindLosses> losses_;
  struct Fed {
    std::uint64_t sum = 0;  // of all counts
    bool leaving = false;   // seen as removed
  };
  FlatMap<Fed> fed_;  // by cgroup
  std::uint64_t last_read_ = 0;
  std::uint64_t records_read_ = 0;
  std::uint64_t since_ = 0;  // what was lost now was not lost before that
  std::uint64_t looked_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace idtrail
