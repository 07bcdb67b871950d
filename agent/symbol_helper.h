// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/sources/file.h"
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
  ~SymbolHelper();
  SymbolHelper(SymbolHelper&& other) noexcept;
  SymbolHelper& operator=(SymbolHelper&&) = delete;

  /// As symbolise(); addresses alone where the helper is gone or too slow. Blocks for a little more
  /// than SymbolBounds::time. Agent thread.
  std::vector<std::string> symbolise(const Stack& stack);

 private:
  SymbolHelper(pid_t pid, Fd socket) : pid_(pid), socket_(std::move(socket)) {}
  pid_t pid_ = -1;
  Fd socket_;
  std::uint64_t asked_ = 0;
};

}  // namespace idtrail
