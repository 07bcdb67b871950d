// SPDX-License-Identifier: Apache-2.0
#include "agent/ledger.h"

#include "agent/counters.h"
#include "core/model/refs.h"

namespace idtrail {

Ledger::Entry& Ledger::entry(Book& book, std::size_t kind) {
  for (Entry& one : book) {
    if (one.kind == kind) return one;
  }
  book.push_back({.kind = static_cast<std::uint16_t>(kind)});
  return book.back();
}

Ledger::Entry& Ledger::entry(CgroupId cgroup, std::size_t kind) {
  const auto id = static_cast<std::uint64_t>(cgroup);
  Book* book = open_.find(id);
  if (book == nullptr) book = &open_[open_.size() < kCgroupsMax ? id : 0];
  return entry(*book, kind);
}

void Ledger::add(const Book& from, Book& to) {
  for (const Entry& one : from) {
    Entry& into = entry(to, one.kind);
    into.received += one.received;
    into.discarded += one.discarded;
    into.delivered += one.delivered;
    into.known += one.known;
    into.limited += one.limited;
    into.dropped += one.dropped;
  }
}

std::vector<Ledger::Loss> Ledger::apply(const v1::LedgerFact& fact) {
  const auto more = [](std::uint64_t now, std::uint64_t before) {
    return now > before ? now - before : 0;
  };
  std::vector<Loss> losses;
  for (const v1::LedgerCount& count : fact.counts()) {
    if (count.kind() >= EVENT_KINDS) continue;
    Entry& one = entry(CgroupId{fact.cgroup_id()}, count.kind());
    const Loss loss{.kind = one.kind,
                    .limited = more(count.limited(), one.limited),
                    .dropped = more(count.dropped(), one.dropped)};
    if (loss.limited != 0 || loss.dropped != 0) losses.push_back(loss);
    one.delivered = count.delivered();
    one.limited = count.limited();
    one.dropped = count.dropped();
  }
  return losses;
}

void Ledger::close(CgroupId cgroup, const Place* place) {
  const auto id = static_cast<std::uint64_t>(cgroup);
  const Book* book = open_.find(id);
  if (book == nullptr || id == 0) return;
  const bool has_room =
      place != nullptr && (closed_.contains(place->identity_id) || closed_.size() < kClosedMax);
  Row& row = closed_[has_room ? place->identity_id : 0];
  if (has_room) row.identity = to_ref(*place->identity);
  add(*book, row.book);
  open_.erase(id);
}

void Ledger::show(const Row& row, v1::CoverageReply& reply) {
  if (row.book.empty()) return;
  v1::LedgerView& view = *reply.add_ledger();
  *view.mutable_identity() = row.identity;
  *view.mutable_instance() = row.instance;
  for (const Entry& one : row.book) {
    v1::LedgerClass& shown = *view.add_classes();
    shown.set_event_class(std::string(kind_name(one.kind)));
    shown.set_delivered(one.delivered);
    shown.set_known(one.known);
    shown.set_limited(one.limited);
    shown.set_dropped(one.dropped);
    shown.set_received(one.received);
    shown.set_discarded(one.discarded);
  }
}

void Ledger::view(const std::function<const Place*(CgroupId)>& place_of,
                  v1::CoverageReply& reply) const {
  std::map<std::uint64_t, Row> places;  // by serial: in the order of their making
  open_.for_each([&](std::uint64_t cgroup, const Book& book) {
    const Place* place = place_of(CgroupId{cgroup});
    Row& row = places[place != nullptr ? place->serial : 0];
    if (place != nullptr && row.book.empty()) {
      row.identity = to_ref(*place->identity);
      row.instance = to_ref(place->instance);
    }
    add(book, row.book);
  });
  for (const auto& [serial, row] : places) show(row, reply);
  for (const auto& [identity, row] : closed_) show(row, reply);
}

}  // namespace idtrail
