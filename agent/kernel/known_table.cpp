// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/known_table.h"

#include <atomic>

#include "idtrail/control.h"

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

KnownTable::Use KnownTable::take(known_use& use) {
  const std::uint32_t count = std::atomic_ref<__u32>(use.count).exchange(0);
  const std::uint32_t last = std::atomic_ref<__u32>(use.last).load(std::memory_order_relaxed);
  return {.count = count, .last_boot_ns = std::uint64_t{last} << WINDOW_SHIFT};
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
  done.evicted_use = take(bucket.uses[way]);
  shared(bucket.keys[way]).store(key, std::memory_order_release);
  return done;
}

KnownTable::Use KnownTable::erase(Place place, std::uint64_t key) {
  known_bucket& row = bucket(place);
  if (row.keys[place % KNOWN_WAYS] != key) return {};
  shared(row.keys[place % KNOWN_WAYS]).store(0);
  return take(row.uses[place % KNOWN_WAYS]);
}

KnownTable::Use KnownTable::harvest(Place place, std::uint64_t key) {
  known_bucket& row = bucket(place);
  if (row.keys[place % KNOWN_WAYS] != key) return {};
  return take(row.uses[place % KNOWN_WAYS]);
}

}  // namespace idtrail
