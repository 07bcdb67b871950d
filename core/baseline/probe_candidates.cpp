// SPDX-License-Identifier: Apache-2.0
#include "core/baseline/probe_candidates.h"

#include <algorithm>

namespace idtrail {
namespace {

constexpr std::size_t kStartsNeeded = 3;
// The kubelet's shortest period is a second: a loop that fires faster is no probe.
constexpr std::chrono::nanoseconds kShortestPeriod = std::chrono::milliseconds(900);
// A slot is not given away while its command may still come back.
constexpr std::chrono::nanoseconds kKeepFor = std::chrono::hours(1);

}  // namespace

bool ProbeCandidates::note(std::uint64_t command, std::uint64_t pod, BootTime started) {
  Candidate* candidate = find_or_make(command, pod, started);
  if (candidate == nullptr) return false;
  const auto kept = std::min(candidate->starts, kStarts);
  const auto end = candidate->at.begin() + static_cast<std::ptrdiff_t>(kept);
  if (std::find(candidate->at.begin(), end, started) != end) return false;
  if (kept == kStarts) std::shift_left(candidate->at.begin(), candidate->at.end(), 1);
  candidate->at[std::min(kept, kStarts - 1)] = started;
  ++candidate->starts;
  return is_regular(*candidate);
}

ProbeCandidates::Candidate* ProbeCandidates::find_or_make(std::uint64_t command, std::uint64_t pod,
                                                          BootTime started) {
  for (Candidate& candidate : candidates_) {
    if (candidate.command == command && candidate.pod == pod) return &candidate;
  }
  if (candidates_.size() < kCandidates) {
    // By steps: what is held ready counts against the identity's bound.
    if (candidates_.capacity() == candidates_.size()) candidates_.reserve(candidates_.size() + 4);
    return &candidates_.emplace_back(Candidate{.command = command, .pod = pod});
  }
  const auto oldest =
      std::min_element(candidates_.begin(), candidates_.end(),
                       [](const Candidate& a, const Candidate& b) { return a.last() < b.last(); });
  if (started - oldest->last() < kKeepFor) return nullptr;
  *oldest = Candidate{.command = command, .pod = pod};
  return &*oldest;
}

bool ProbeCandidates::is_regular(const Candidate& candidate) {
  const auto kept = std::min(candidate.starts, kStarts);
  if (kept < kStartsNeeded) return false;
  std::array<std::chrono::nanoseconds, kStarts - 1> gaps{};
  const std::size_t count = kept - 1;
  for (std::size_t at = 0; at < count; ++at) gaps[at] = candidate.at[at + 1] - candidate.at[at];
  const auto end = gaps.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(gaps.begin(), end);
  const auto median = (gaps[(count - 1) / 2] + gaps[count / 2]) / 2;
  if (median < kShortestPeriod) return false;
  const auto odd = std::count_if(gaps.begin(), end, [median](std::chrono::nanoseconds gap) {
    return gap * 2 < median || gap > median * 2;
  });
  return static_cast<std::size_t>(odd) * 4 <= count;
}

void ProbeCandidates::forget(std::uint64_t command) {
  std::erase_if(candidates_, [command](const Candidate& one) { return one.command == command; });
}

void ProbeCandidates::clear() {
  candidates_.clear();
  candidates_.shrink_to_fit();
}

}  // namespace idtrail
