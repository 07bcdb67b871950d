// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/known_table.h"

#include <atomic>

namespace idtrail {
namespace {

std::atomic_ref<__u64> shared(__u64& value) { return std::atomic_ref<__u64>(value); }

}  // namespace

known_bucket& KnownTable::bucket(Place place) const {
  return memory_.as<known_bucket>()[place / KNOWN_WAYS];
}

std::uint64_t KnownTable::key_of(const behaviour& one) const {
  return behaviour_key(&one, secret_.data());
}

// Both at once, while the programs add to it: the sum, which picks the samples, stays.
std::uint64_t KnownTable::take(__u64& use) {
  const __u64 pending = shared(use).load(std::memory_order_relaxed) & KNOWN_PENDING;
  shared(use).fetch_add(pending * KNOWN_ACCOUNTED - pending);
  return pending;
}

KnownTable::Inserted KnownTable::insert(std::uint64_t key) {
  const auto index = static_cast<std::uint32_t>((key >> 1U) % KNOWN_BUCKETS);
  known_bucket& bucket = memory_.as<known_bucket>()[index];
  std::uint32_t way = KNOWN_WAYS;
  for (std::uint32_t i = 0; i < KNOWN_WAYS; ++i) {
    if (bucket.keys[i] == key) return {.place = index * KNOWN_WAYS + i, .evicted = 0};
    if (bucket.keys[i] == 0 && way == KNOWN_WAYS) way = i;
  }
  if (way == KNOWN_WAYS) way = next_[index]++ % KNOWN_WAYS;
  Inserted done{.place = index * KNOWN_WAYS + way, .evicted = bucket.keys[way]};
  shared(bucket.keys[way]).store(0);
  done.evicted_hits = take(bucket.uses[way]);
  shared(bucket.keys[way]).store(key, std::memory_order_release);
  return done;
}

std::uint64_t KnownTable::erase(Place place, std::uint64_t key) {
  known_bucket& row = bucket(place);
  if (row.keys[place % KNOWN_WAYS] != key) return 0;
  shared(row.keys[place % KNOWN_WAYS]).store(0);
  return take(row.uses[place % KNOWN_WAYS]);
}

std::uint64_t KnownTable::harvest(Place place, std::uint64_t key) {
  known_bucket& row = bucket(place);
  if (row.keys[place % KNOWN_WAYS] != key) return 0;
  return take(row.uses[place % KNOWN_WAYS]);
}

std::uint64_t pending_hits(const known_bucket* buckets) {
  std::uint64_t hits = 0;
  for (std::uint32_t i = 0; i < KNOWN_BUCKETS; ++i) {
    for (const __u64& use : buckets[i].uses) {
      hits += __atomic_load_n(&use, __ATOMIC_RELAXED) & KNOWN_PENDING;
    }
  }
  return hits;
}

}  // namespace idtrail
