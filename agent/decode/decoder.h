// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/counters.h"
#include "core/model/event.h"

namespace idtrail {

/// Why a record was refused.
enum class Refusal : std::uint8_t {
  kNone,
  kTruncated,  // shorter than its kind needs
  kKind,       // of no kind that we know
  kSize,       // its stated sizes contradict each other
  kTail,       // its text is not terminated as the contract says
  kValue,      // a field holds what the contract does not name
};

/// Whether records of this kind carry a struct privilege_payload.
bool is_privilege(std::uint16_t kind);

/// Fills `event` from one record of the ring. Text in `event` points into `record`.
/// On a refusal `event` is unspecified.
Refusal decode_record(std::span<const std::byte> record, Event& event);

/// On whose books a refused record goes; nothing where not even its header is whole.
struct Sender {
  CgroupId cgroup{};
  std::uint16_t kind = 0;  // 0 where it is none of ours
};
std::optional<Sender> sender_of(std::span<const std::byte> record);

/// decode_record() that counts per kind what it delivers and refuses. Pipeline thread.
class Decoder {
 public:
  explicit Decoder(Counters& counters) : counters_(counters) {}
  /// The event lives as long as `record`.
  std::optional<Event> decode(std::span<const std::byte> record);

 private:
  Counters& counters_;
};

}  // namespace idtrail
