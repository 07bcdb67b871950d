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

// Both parts of a use at once, while the programs add to it: the sum, which picks the samples,
// stays. The bytes of a hit may come with the next harvest.
KnownTable::Counted KnownTable::take(known_bucket& bucket, std::size_t way) {
  const auto use = shared(bucket.uses[way]);
  const __u64 pending = use.load(std::memory_order_relaxed) & KNOWN_PENDING;
  if (pending != 0) use.fetch_add(pending * KNOWN_ACCOUNTED - pending);
  Counted counted{.hits = pending};
  if (bucket.bytes_sent[way] != 0) counted.bytes_sent = shared(bucket.bytes_sent[way]).exchange(0);
  if (bucket.bytes_received[way] != 0) {
    counted.bytes_received = shared(bucket.bytes_received[way]).exchange(0);
  }
  return counted;
}

KnownTable::Inserted KnownTable::insert(std::uint64_t key) {
  const auto index = static_cast<std::uint32_t>((key >> 1U) % KNOWN_BUCKETS);
  known_bucket& bucket = memory_.as<known_bucket>()[index];
  std::uint32_t way = KNOWN_WAYS;
  for (std::uint32_t i = 0; i < KNOWN_WAYS; ++i) {
    if (bucket.keys[i] == key) return {.place = index * KNOWN_WAYS + i, .of_evicted = {}};
    if (bucket.keys[i] == 0 && way == KNOWN_WAYS) way = i;
  }
  if (way == KNOWN_WAYS) way = next_[index]++ % KNOWN_WAYS;
  Inserted done{.place = index * KNOWN_WAYS + way, .evicted = bucket.keys[way], .of_evicted = {}};
  shared(bucket.keys[way]).store(0);
  done.of_evicted = take(bucket, way);
  shared(bucket.keys[way]).store(key, std::memory_order_release);
  return done;
}

KnownTable::Counted KnownTable::erase(Place place, std::uint64_t key) {
  known_bucket& row = bucket(place);
  if (row.keys[place % KNOWN_WAYS] != key) return {};
  shared(row.keys[place % KNOWN_WAYS]).store(0);
  return take(row, place % KNOWN_WAYS);
}

KnownTable::Counted KnownTable::harvest(Place place, std::uint64_t key) {
  known_bucket& row = bucket(place);
  if (row.keys[place % KNOWN_WAYS] != key) return {};
  return take(row, place % KNOWN_WAYS);
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
