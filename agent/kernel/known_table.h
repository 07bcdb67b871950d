// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/kernel/mapped.h"
#include "idtrail/behaviour.h"

namespace idtrail {

/// The verdicts that the programs read, in memory shared with them (include/idtrail/behaviour.h).
/// One writer thread.
class KnownTable {
 public:
  using Secret = std::array<__u64, 2>;
  /// Where a verdict stands; a later insert() may take the place over.
  using Place = std::uint32_t;
  static constexpr Place kPlaces = KNOWN_BUCKETS * KNOWN_WAYS;

  /// What was counted with a verdict and not sent.
  struct Counted {
    std::uint64_t hits = 0;
    std::uint64_t bytes_sent = 0;  // of connections
    std::uint64_t bytes_received = 0;
  };
  struct Inserted {
    Place place = 0;
    std::uint64_t evicted = 0;  // the key that stood there; 0: none
    Counted of_evicted;         // as erase() would have told
  };

  KnownTable() = default;
  KnownTable(Mapped memory, const Secret& secret) : memory_(std::move(memory)), secret_(secret) {}

  [[nodiscard]] std::uint64_t key_of(const behaviour& one) const;
  /// From now on what has this key is counted only. Overwrites where its bucket is full: what is
  /// evicted is sent again.
  Inserted insert(std::uint64_t key);
  /// From now on it is sent. Tells what was counted since the last harvest(); nothing where it does
  /// not stand.
  Counted erase(Place place, std::uint64_t key);
  /// What was counted since the last call.
  Counted harvest(Place place, std::uint64_t key);

 private:
  [[nodiscard]] known_bucket& bucket(Place place) const;
  static Counted take(known_bucket& bucket, std::size_t way);

  Mapped memory_;
  Secret secret_{};
  std::array<std::uint8_t, KNOWN_BUCKETS> next_{};  // way that is taken over next
};

/// Hits of all KNOWN_BUCKETS buckets that nobody has harvested.
std::uint64_t pending_hits(const known_bucket* buckets);

}  // namespace idtrail
