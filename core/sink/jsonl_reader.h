// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/common/result.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// A line that is no finding.
struct BadLine {
  std::uint64_t number = 0;  // the first line is 1
  std::string why;
};

struct JsonlReport {
  std::uint64_t findings = 0;
  std::uint64_t malformed = 0;
  std::vector<BadLine> first_bad;  // at most kBadLinesKept
  static constexpr std::size_t kBadLinesKept = 16;
  static constexpr std::size_t kMaxLineBytes = 1U << 20U;
};

/// Reads findings, one JSON object a line, as a sink wrote them. Empty lines are skipped; a line
/// that is malformed or longer than kMaxLineBytes is counted, and the others are kept. Fields that
/// this version does not know are ignored. Memory is bounded by one line.
JsonlReport read_findings(std::istream& in, const std::function<void(v1::Finding)>& each);

/// The same from a file; kNotFound, kPermission or kUnavailable where it cannot be opened.
Result<JsonlReport> read_findings(const std::filesystem::path& file,
                                  const std::function<void(v1::Finding)>& each);

}  // namespace idtrail
