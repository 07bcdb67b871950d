// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <sys/types.h>

#include "agent/sources/file.h"
#include "core/common/result.h"

namespace idtrail {

/// A process beside the agent, which answers over a socket and ends with the agent: the agent may
/// make none once it is confined.
class HelperProcess {
 public:
  /// Runs `serve` in a child that holds nothing but its end of the socket; the child ends when that
  /// returns, as it must once the agent's end is closed. `name` is what ps shows, at most 15 bytes;
  /// `type` is of socketpair(2). Before any thread starts.
  static Result<HelperProcess> start(const char* name, int type,
                                     const std::function<void(int socket)>& serve);
  ~HelperProcess();
  HelperProcess(HelperProcess&& other) noexcept;
  HelperProcess& operator=(HelperProcess&&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  HelperProcess(pid_t pid, Fd socket) : pid_(pid), socket_(std::move(socket)) {}
  pid_t pid_ = -1;
  Fd socket_;
};

}  // namespace idtrail
