// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

namespace idtrail {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int get() const { return fd_; }
  /// Gives the descriptor away.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// The whole file, of at most `max` bytes; nothing where it is larger or cannot be read.
std::optional<std::string> read_file(const std::string& path, std::size_t max);
std::optional<std::string> read_all(int fd, std::size_t max);

/// A stat(2) device as the kernel keeps it in s_dev: major << 20 | minor.
std::uint32_t kernel_device(dev_t device);
std::uint32_t kernel_device(std::uint32_t major_number, std::uint32_t minor_number);

}  // namespace idtrail
