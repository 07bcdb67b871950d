// SPDX-License-Identifier: Apache-2.0
#include "agent/books.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <spdlog/spdlog.h>

namespace idtrail {
namespace {

constexpr std::uint64_t kPauseNs = 10'000'000'000;       // where nothing is lost
constexpr std::uint64_t kQuietPauseNs = 60'000'000'000;  // and nothing comes

v1::Fact fact_of(const CgroupBooks& books, bool last, std::uint64_t since, std::uint64_t now) {
  v1::Fact fact;
  auto& ledger = *fact.mutable_ledger();
  ledger.set_cgroup_id(books.cgroup_id);
  ledger.set_removed(last);
  ledger.set_since_boot_ns(since);
  ledger.set_read_boot_ns(now);
  for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
    const auto& counts = books.counts[kind];
    if (std::ranges::all_of(counts, [](auto count) { return count == 0; })) continue;
    auto& one = *ledger.add_counts();
    one.set_kind(kind);
    one.set_delivered(counts[OUTCOME_DELIVERED]);
    one.set_limited(counts[OUTCOME_LIMITED]);
    one.set_dropped(counts[OUTCOME_DROPPED]);
  }
  return fact;
}

}  // namespace

void Books::open(std::uint64_t cgroup_id) {
  if (const auto opened = sensor_.open_books(cgroup_id); !opened) ++refused_;
}

bool Books::due(std::uint64_t now, std::uint64_t records) {
  auto losses = sensor_.losses();
  const bool lost = losses != losses_;
  since_ = std::exchange(looked_, now);
  const std::uint64_t pause = records == records_read_ ? kQuietPauseNs : kPauseNs;
  if (!lost && now - last_read_ < pause) return false;
  last_read_ = now;
  records_read_ = records;
  losses_ = std::move(losses);
  if (lost) feed_losses();
  return true;
}

void Books::feed_losses() {
  v1::Fact fact;
  for (const auto& one : losses_) {
    fact.mutable_loss()->add_dropped(one.dropped);
    fact.mutable_loss()->add_limited(one.limited);
  }
  feed_(fact);
}

std::vector<std::uint64_t> Books::read() {
  // Collected first: books are closed on the way.
  std::vector<CgroupBooks> all;
  const auto read = sensor_.books([&](const CgroupBooks& books) { all.push_back(books); });
  if (!read) spdlog::error("books not read error=\"{}\"", read.error().message);
  std::vector<std::uint64_t> closed;
  for (const auto& books : all) {
    if (feed(books)) closed.push_back(books.cgroup_id);
  }
  return closed;
}

bool Books::feed(const CgroupBooks& books) {
  std::uint64_t sum = 0;
  for (const auto& kind : books.counts) sum = std::accumulate(kind.begin(), kind.end(), sum);
  Fed& fed = fed_[books.cgroup_id];
  // Closed at the second sight only: its last records may still be on their way.
  const bool last = books.removed && fed.leaving;
  const bool changed = sum != fed.sum;
  fed = {.sum = sum, .leaving = books.removed};
  if (changed || last) feed_(fact_of(books, last, since_, looked_));
  if (!last) return false;
  sensor_.close_books(books.cgroup_id);
  fed_.erase(books.cgroup_id);
  return true;
}

}  // namespace idtrail
