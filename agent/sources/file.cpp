// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/file.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/sysmacros.h>

namespace idtrail {
namespace {
constexpr std::size_t kChunk = 16U << 10U;
}  // namespace

std::optional<std::string> read_all(int fd, std::size_t max) {
  std::string text;
  while (text.size() <= max) {
    const std::size_t had = text.size();
    text.resize(had + std::min(kChunk, max + 1 - had));
    const ssize_t got = read(fd, text.data() + had, text.size() - had);
    if (got < 0 && errno == EINTR) {
      text.resize(had);
      continue;
    }
    if (got < 0) return std::nullopt;
    text.resize(had + static_cast<std::size_t>(got));
    if (got == 0) return text;
  }
  return std::nullopt;
}

std::optional<std::string> read_file(const std::string& path, std::size_t max) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return std::nullopt;
  return read_all(file.get(), max);
}

std::uint32_t kernel_device(std::uint32_t major_number, std::uint32_t minor_number) {
  return (major_number << 20U) | (minor_number & 0xFFFFFU);
}

std::uint32_t kernel_device(dev_t device) { return kernel_device(major(device), minor(device)); }

}  // namespace idtrail
