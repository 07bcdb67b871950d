// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/file.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace idtrail::rig {

namespace {

std::array<std::uint8_t, 16> random_bytes() {
  std::array<std::uint8_t, 16> bytes{};
  // Up to 256 bytes come whole or not at all, and "not at all" only before the source is ready.
  while (getrandom(bytes.data(), bytes.size(), 0) < 0) {
  }
  return bytes;
}

}  // namespace

Error failed(std::string_view what, const std::filesystem::path& path) {
  const int error = errno;
  return {Errc::kInternal, fmt::format("{} {}: {}", what, path.string(), std::strerror(error))};
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return failed("read", path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<void> write_file(const std::filesystem::path& path, std::string_view text, mode_t mode,
                        gid_t group) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return failed("create", path);
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fchown(fd, static_cast<uid_t>(-1), group) == 0 && fchmod(fd, mode) == 0;
  Result<void> result;
  if (!written) result = failed("write", path);
  close(fd);
  return result;
}

std::string random_hex() {
  const auto bytes = random_bytes();
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string random_uuid() {
  auto bytes = random_bytes();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

}  // namespace idtrail::rig
