// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/common/hash.h"
#include "idtrail/events.h"

// A recording is every input of the pipeline in the order of consumption:
//
//   file_header, frame, frame, …        all numbers little-endian, nothing aligned
//   frame = frame_header, `size` bytes
//
// A record frame holds one kernel record as it came from the ring, redacted. A fact frame holds one
// serialised v1.Fact. The first frame is the SnapshotFact; then come, at the agent's start, stored
// baselines and behaviours, cgroups, processes, volumes and containers; then whatever happened.
// Anything else (unknown type, size over its bound, wrong hash, cut frame) is damage.
namespace idtrail::recording {

inline constexpr std::uint64_t kMagic = 0x0A6C696172746469ULL;  // "idtrail\n"
inline constexpr std::uint32_t kVersion = 1;

struct FileHeader {
  std::uint64_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t wire_contract = IDTRAIL_WIRE_CONTRACT;
};
static_assert(sizeof(FileHeader) == 16 && std::has_unique_object_representations_v<FileHeader>);

enum class FrameType : std::uint32_t { kRecord = 1, kFact = 2 };

struct FrameHeader {
  std::uint32_t type = 0;  // enum FrameType
  std::uint32_t size = 0;  // bytes of the payload
  std::uint64_t hash = 0;  // XXH3-64 of the payload, seeded with the type
};
static_assert(sizeof(FrameHeader) == 16 && std::has_unique_object_representations_v<FrameHeader>);

// One byte more than a record may have: a longer one is cut to this and stays refused.
inline constexpr std::size_t kRecordMax = EVENT_RECORD_MAX + 1;
inline constexpr std::size_t kFactMax = 4U << 20U;

inline std::uint64_t payload_hash(FrameType type, std::span<const std::byte> payload) {
  return hash64({reinterpret_cast<const char*>(payload.data()), payload.size()},
                static_cast<std::uint32_t>(type));
}

}  // namespace idtrail::recording
