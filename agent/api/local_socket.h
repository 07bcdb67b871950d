// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <sys/types.h>

#include "core/common/result.h"

namespace idtrail {

/// The agent's listening socket: a file of mode 0600 in a directory that nobody else may write,
/// gone again when this goes.
class LocalSocket {
 public:
  /// Makes the directory (0700) where it is missing. A file that a dead agent left is replaced;
  /// kUnavailable where a live one listens; kPermission where others may write the directory.
  static Result<LocalSocket> open(const std::filesystem::path& path);
  ~LocalSocket();
  LocalSocket(LocalSocket&& other) noexcept;
  LocalSocket& operator=(LocalSocket&&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

 private:
  LocalSocket(std::filesystem::path path, int fd, ino_t inode);
  std::filesystem::path path_;
  int fd_;
  ino_t inode_;
};

/// The peer's user at the moment it connected, by the kernel.
std::optional<uid_t> peer_uid(int fd);

/// Root, and the user that the agent runs as.
bool may_connect(uid_t peer, uid_t own);

}  // namespace idtrail
