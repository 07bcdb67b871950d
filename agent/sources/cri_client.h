// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/common/result.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Asks a container runtime over its CRI socket. One thread; each call ends within two seconds.
/// It connects at the first call and again after a rest: while there is a channel, gRPC has timers
/// that keep the CPU awake.
class CriClient {
 public:
  explicit CriClient(std::filesystem::path socket);
  ~CriClient();
  CriClient(CriClient&&) noexcept;
  CriClient& operator=(CriClient&&) noexcept;

  /// What the runtime knows of a container or sandbox; nothing where it knows none of that id.
  /// kUnavailable where nobody answers at the socket.
  Result<std::optional<v1::ContainerFact>> look_up(const std::string& container_id);

  /// The ids of all sandboxes and containers.
  Result<std::vector<std::string>> ids();

  /// Gives the channel up until the next call.
  void rest();
  [[nodiscard]] bool rests() const { return calls_ == nullptr; }

 private:
  class Calls;
  Calls& calls();

  std::filesystem::path socket_;
  std::unique_ptr<Calls> calls_;
};

}  // namespace idtrail
