// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/common/time.h"

namespace idtrail {

/// Commands that entered a container without a terminal while its identity is learned: those that
/// come back at regular intervals are exec probes, the others are sessions.
class ProbeCandidates {
 public:
  static constexpr std::size_t kCandidates = 16;
  static constexpr std::size_t kStarts = 8;

  /// Notes that a tree entered. `command` hashes what was run and `pod` where: replicas run the
  /// same probe in turns of their own. True when the command has proved to be a probe: at least
  /// three starts, the gaps between half and twice the median; one gap in four may be odd, since a
  /// busy node runs a probe late now and then. Repeated calls for one tree count once.
  bool note(std::uint64_t command, std::uint64_t pod, BootTime started);

  /// The command was learned, or learning is over for it.
  void forget(std::uint64_t command);
  void clear();

 private:
  struct Candidate {
    std::uint64_t command = 0;
    std::uint64_t pod = 0;
    std::size_t starts = 0;  // of which the last kStarts are kept
    std::array<BootTime, kStarts> at{};
    [[nodiscard]] BootTime last() const { return at[(starts < kStarts ? starts : kStarts) - 1]; }
  };
  Candidate* find_or_make(std::uint64_t command, std::uint64_t pod, BootTime started);
  static bool is_regular(const Candidate& candidate);

  std::vector<Candidate> candidates_;

 public:
  static constexpr std::size_t kMaxBytes = kCandidates * sizeof(Candidate);
};

}  // namespace idtrail
