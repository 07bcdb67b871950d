// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>

#include "agent/counters.h"
#include "core/common/result.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

struct ReplayReport {
  std::uint64_t records = 0;
  std::uint64_t facts = 0;
  std::uint64_t findings = 0;
  Counters counters;
  v1::CoverageReply coverage;
  v1::TopReply top;
  /// Set where the recording is damaged or cut: everything before that was replayed.
  std::optional<Error> damage;
};

using OnFinding = std::function<void(const v1::Finding&)>;

/// Runs a recording through a pipeline of its own, under event time, in a fresh store: findings are
/// those of the agent that made it, byte for byte. An Error where nothing could be replayed.
Result<ReplayReport> replay(const std::filesystem::path& file, const OnFinding& on_finding);

/// The same for a recording that lies in memory.
Result<ReplayReport> replay(std::span<const std::byte> recording, const OnFinding& on_finding);

}  // namespace idtrail
