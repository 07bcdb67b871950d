// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "core/common/result.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// Asks the agent at its local socket. Every call ends within five seconds; its error says what to
/// do.
class AgentClient {
 public:
  explicit AgentClient(const std::string& socket);
  ~AgentClient();

  Result<v1::TopReply> top();
  Result<v1::FindingsReply> findings(const v1::FindingsRequest& request);
  Result<v1::BaselineReply> baseline(const std::string& selector);
  Result<v1::CoverageReply> coverage();
  Result<v1::DoctorReply> doctor();

 private:
  class Calls;
  std::unique_ptr<Calls> calls_;
};

}  // namespace idtrail
