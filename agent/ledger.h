// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/identity/flat_map.h"
#include "agent/identity/place.h"
#include "core/model/event.h"
#include "idtrail/events.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// What became of every event, per container and class. The kernel counts what its hooks saw and
/// where it went (struct cgroup_row), we count what arrived; the two sides meet here:
/// delivered = received + discarded + what is still on its way. Pipeline thread only. Bounded:
/// what finds no room is counted together.
class Ledger {
 public:
  static constexpr std::size_t kCgroupsMax = 65536;
  static constexpr std::size_t kClosedMax = 4096;

  void received(CgroupId cgroup, std::size_t kind) { ++entry(cgroup, kind).received; }
  void discarded(CgroupId cgroup, std::size_t kind) { ++entry(cgroup, kind).discarded; }
  /// Counted by the kernel and not sent.
  void known(CgroupId cgroup, std::size_t kind, std::uint64_t count) {
    if (kind < EVENT_KINDS) entry(cgroup, kind).known += count;
  }

  /// Events of one class that were lost since the last fact.
  struct Loss {
    std::uint16_t kind = 0;
    std::uint64_t limited = 0;
    std::uint64_t dropped = 0;
  };
  /// The kernel's counts of one cgroup, absolute, but for what is known. One row for each class
  /// that lost something.
  std::vector<Loss> apply(const v1::LedgerFact& fact);
  /// The cgroup is gone and its last counts have come: they go to who it was; null: nobody knows.
  void close(CgroupId cgroup, const Place* place);

  /// A row for each container, unit or host that is there, and one for each identity whose
  /// containers are gone. `place_of` gives null for a cgroup that nobody knows.
  void view(const std::function<const Place*(CgroupId)>& place_of, v1::CoverageReply& reply) const;

 private:
  struct Entry {
    std::uint16_t kind = 0;
    std::uint64_t received = 0;
    std::uint64_t discarded = 0;
    std::uint64_t delivered = 0;
    std::uint64_t known = 0;
    std::uint64_t limited = 0;
    std::uint64_t dropped = 0;
  };
  using Book = std::vector<Entry>;  // few kinds each, hence no index
  struct Row {
    v1::IdentityRef identity;
    v1::InstanceRef instance;
    Book book;
  };

  Entry& entry(CgroupId cgroup, std::size_t kind);
  static Entry& entry(Book& book, std::size_t kind);
  static void add(const Book& from, Book& to);
  static void show(const Row& row, v1::CoverageReply& reply);

  FlatMap<Book> open_;                   // by cgroup
  std::map<std::uint64_t, Row> closed_;  // by identity; 0: of nobody that is known
};

}  // namespace idtrail
