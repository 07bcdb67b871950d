// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "cli/commands.h"
#include "core/common/result.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

struct FoundFindings {
  v1::FindingsReply reply;
  std::uint64_t malformed = 0;  // lines of the file that were no findings; said on standard error
};

/// Every finding of the file, or, where `file` is empty, of the agent.
Result<FoundFindings> find_findings(const CommonOptions& common, const std::string& file);

}  // namespace idtrail
