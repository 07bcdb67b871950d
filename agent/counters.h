// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "idtrail/events.h"

namespace idtrail {

/// Everything that the node half counts; the name is the metric's name.
enum class Counter : std::uint8_t {
#define COUNTER(name, summary) name,
#include "agent/counters.def"
#undef COUNTER
};

inline constexpr std::string_view kCounterNames[] = {
#define COUNTER(name, summary) #name,
#include "agent/counters.def"
#undef COUNTER
};
inline constexpr std::size_t kCounters = std::size(kCounterNames);

/// Per kind of event, index = enum event_kind; an unknown kind counts at 0.
using KindCounts = std::array<std::uint64_t, EVENT_KINDS>;

/// One owner thread, as everything in the pipeline.
struct Counters {
  std::array<std::uint64_t, kCounters> values{};
  KindCounts received{};    // decoded
  KindCounts dropped{};     // the ring was full: from the kernel's own count
  KindCounts limited{};     // a cgroup's quota was spent: likewise
  KindCounts discarded{};   // refused by the decoder
  KindCounts unresolved{};  // no identity by the deadline

  void add(Counter counter, std::uint64_t count = 1) {
    values[static_cast<std::size_t>(counter)] += count;
  }
  [[nodiscard]] std::uint64_t operator[](Counter counter) const {
    return values[static_cast<std::size_t>(counter)];
  }
};

/// The name of an event kind on the wire; empty where there is none.
std::string_view constexpr kind_name(std::size_t kind) {
  switch (kind) {
#define PROBE(name, number, summary) \
  case number:                       \
    return #name;
#include "idtrail/probes.def"
#undef PROBE
    default:
      return {};
  }
}

}  // namespace idtrail
