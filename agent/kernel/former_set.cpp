// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/former_set.h"

#include <bpf/bpf.h>

#include "agent/kernel/known_table.h"

namespace idtrail {
namespace {

Fd open_map(const std::string& folder, const char* name) {
  return Fd(bpf_obj_get((folder + "/" + name).c_str()));
}

bool holds(const Fd& map, std::size_t bytes) {
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  return bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 && info.value_size == bytes;
}

std::uint64_t count(const Fd& map) {
  auto ring = Ring::open(map.get());
  std::uint64_t records = 0;
  for (; ring && ring->front(); ring->pop()) ++records;
  return records;
}

}  // namespace

FormerSet::FormerSet(const std::string& folder, bool same_wire)
    : urgent_(open_map(folder, "urgent")),
      bulk_(open_map(folder, "bulk")),
      cgroups_(open_map(folder, "cgroups")),
      losses_(open_map(folder, "losses")) {
  if (!same_wire) {
    cgroups_ = Fd();
    return;
  }
  const Fd known = open_map(folder, "known");
  if (holds(known, sizeof(known_bucket))) {
    known_ = Mapped(known.get(), sizeof(known_bucket) * KNOWN_BUCKETS, false);
  }
  auto reader = Reader::open(urgent_.get(), bulk_.get());
  if (reader) reader_ = std::make_unique<Reader>(std::move(*reader));
}

std::uint64_t FormerSet::count_unreadable() { return reader_ ? 0 : count(urgent_) + count(bulk_); }

std::size_t FormerSet::drain(const Reader::RecordFn& on_record) {
  return reader_ ? reader_->drain(on_record) : 0;
}

void FormerSet::books(const std::function<void(std::uint64_t, const cgroup_row&)>& each) const {
  if (!cgroups_ || !holds(cgroups_, sizeof(cgroup_row))) return;
  std::uint64_t key = 0;
  std::uint64_t next = 0;
  auto row = std::make_unique<cgroup_row>();
  for (const std::uint64_t* from = nullptr; bpf_map_get_next_key(cgroups_.get(), from, &next) == 0;
       from = &key) {
    key = next;
    if (bpf_map_lookup_elem(cgroups_.get(), &key, row.get()) == 0) each(key, *row);
  }
}

std::uint64_t FormerSet::losses() const {
  std::uint64_t sum = 0;
  struct losses one {};
  if (!holds(losses_, sizeof(one))) return 0;
  for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
    if (bpf_map_lookup_elem(losses_.get(), &kind, &one) == 0) sum += one.limited + one.dropped;
  }
  return sum;
}

std::uint64_t FormerSet::unharvested() const {
  return known_ ? pending_hits(known_.as<const known_bucket>()) : 0;
}

std::uint64_t FormerSet::handed_again() const { return reader_ ? reader_->handed_again() : 0; }

}  // namespace idtrail
