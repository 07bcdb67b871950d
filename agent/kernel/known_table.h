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

  struct Use {
    std::uint32_t count = 0;         // hits since the last harvest()
    std::uint64_t last_boot_ns = 0;  // to a window of about a second
  };
  struct Inserted {
    Place place = 0;
    std::uint64_t evicted = 0;  // the key that stood there; 0: none
    Use evicted_use{};
  };

  KnownTable() = default;
  KnownTable(Mapped memory, const Secret& secret) : memory_(std::move(memory)), secret_(secret) {}

  [[nodiscard]] std::uint64_t key_of(const behaviour& one) const;
  /// From now on what has this key is counted only. Overwrites where its bucket is full: what is
  /// evicted is sent again.
  Inserted insert(std::uint64_t key);
  /// What the key has counted up to now; from now on it is sent. Nothing where it does not stand.
  Use erase(Place place, std::uint64_t key);
  /// Hits since the last call.
  Use harvest(Place place, std::uint64_t key);

 private:
  [[nodiscard]] known_bucket& bucket(Place place) const;
  Use take(known_use& use);

  Mapped memory_;
  Secret secret_{};
  std::array<std::uint8_t, KNOWN_BUCKETS> next_{};  // way that is taken over next
};

}  // namespace idtrail
