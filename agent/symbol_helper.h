// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/helper_process.h"
#include "agent/stacks.h"
#include "core/common/result.h"

namespace idtrail {

/// A process beside the agent, which calls symbolise() for it: the agent may make no process once
/// it is confined, and does not read workloads' files itself. It keeps the right to look into
/// processes, and ends with the agent.
class SymbolHelper {
 public:
  /// Before any thread starts.
  static Result<SymbolHelper> start();

  /// As symbolise(); addresses alone where the helper is gone or too slow. Blocks for a little more
  /// than SymbolBounds::time. Agent thread.
  std::vector<std::string> symbolise(const Stack& stack);

 private:
  explicit SymbolHelper(HelperProcess process) : process_(std::move(process)) {}
  HelperProcess process_;
  std::uint64_t asked_ = 0;
};

}  // namespace idtrail
