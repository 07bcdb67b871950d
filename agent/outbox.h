// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <tuple>
#include <vector>

#include "core/model/event.h"
#include "idtrail/idtrail.pb.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// A read, as the stack that follows it names it.
using StackKey = std::tuple<std::uint32_t, std::uint32_t, BootTime>;  // tgid, tid, when
inline StackKey stack_key(std::uint32_t tgid, std::uint32_t tid, BootTime at) {
  return {tgid, tid, at};
}

/// Findings on their way out, in their order. One on a read waits for half a second of event time
/// for the stack that follows it, and holds up those behind it.
class Outbox {
 public:
  /// `read`: nothing where no stack will follow.
  void put(v1::Finding finding, const std::optional<StackKey>& read);
  void add_stack(const v1::StackFact& fact);
  [[nodiscard]] bool awaits(const StackKey& read) const;
  /// Nothing waits any longer.
  void finish();
  /// What is ready by `now`.
  std::vector<v1::Finding> take(BootTime now);

 private:
  struct Made {
    v1::Finding finding;
    StackKey read{};
    BootTime until{};  // how long it waits; zero: not
  };
  std::deque<Made> made_;
};

}  // namespace idtrail
