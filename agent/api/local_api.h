// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "core/common/result.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// What the socket's questions are answered with, where `post` runs them.
struct LocalAnswers {
  std::function<v1::TopReply(const v1::TopRequest&)> top;
  std::function<v1::FindingsReply(const v1::FindingsRequest&)> findings;
  std::function<v1::BaselineReply(const v1::BaselineRequest&)> baseline;
  std::function<v1::CoverageReply(const v1::CoverageRequest&)> coverage;
  std::function<v1::DoctorReply(const v1::DoctorRequest&)> doctor;
  /// Runs a job on the thread that owns the answers, soon; false where it is too busy. Any thread.
  std::function<bool(std::function<void()>)> post;
};

/// The service LocalAgent at a Unix socket. Only root and the agent's own user are let in, by the
/// kernel's word on the peer; a question that is not answered in two seconds ends with an error.
/// Where nobody asks for a while the server goes, and comes back with the next connection: gRPC has
/// timers that keep the CPU awake, even those of a server with no client.
class LocalApi {
 public:
  static constexpr std::chrono::seconds kLinger{30};
  static Result<std::unique_ptr<LocalApi>> open(const std::filesystem::path& socket,
                                                LocalAnswers answers,
                                                std::chrono::milliseconds linger = kLinger);
  virtual ~LocalApi() = default;
  /// Connections that were closed because of who made them.
  [[nodiscard]] virtual std::uint64_t turned_away() const = 0;

 protected:
  LocalApi() = default;
};

}  // namespace idtrail
