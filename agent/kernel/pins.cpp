// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/pins.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace idtrail {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnersOnly = 0700;

Error refused(const std::string& folder, int error_number) {
  return {Errc::kNotFound, fmt::format("keep programs in {}: {}; mount a BPF file system there, "
                                       "or switch it off (--no-pin)",
                                       folder, std::strerror(error_number))};
}

bool is_bpf_fs(const std::string& folder) {
  struct statfs status {};
  return statfs(folder.c_str(), &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

/// The descriptor holds the lock.
Result<int> lock(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return refused(folder, errno);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int why = errno;
  close(fd);
  if (why != EWOULDBLOCK) return refused(folder, why);
  return Error{Errc::kUnavailable,
               fmt::format("take over {}: another idtrail-agent is running with it; stop that one, "
                           "or give this one a folder of its own (--pins) or --no-pin",
                           folder)};
}

}  // namespace

Result<Pins> Pins::open(const std::string& folder) {
  if (!is_bpf_fs(fs::path(folder).parent_path()) && !is_bpf_fs(folder)) {
    return refused(folder, ENODEV);
  }
  if (auto made = make(folder); !made) return made.error();
  const auto fd = lock(folder);
  if (!fd) return fd.error();
  return Pins(folder, *fd);
}

Result<void> Pins::remove_all(const std::string& folder) {
  if (access(folder.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  if (!is_bpf_fs(folder)) return refused(folder, ENODEV);
  const auto fd = lock(folder);
  if (!fd) return fd.error();
  const auto removed = remove(folder);
  close(*fd);
  return removed;
}

Pins::~Pins() {
  if (fd_ >= 0) close(fd_);
}
Pins::Pins(Pins&& other) noexcept
    : folder_(std::move(other.folder_)), fd_(std::exchange(other.fd_, -1)) {}
Pins& Pins::operator=(Pins&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(fd_, other.fd_);
  return *this;
}

std::string Pins::folder_of(const PinnedSet& set) const {
  return fmt::format("{}/set-{}-{}-{:016x}", folder_, set.epoch, set.wire, set.shape);
}

std::vector<PinnedSet> Pins::sets() const {
  std::vector<PinnedSet> found;
  for (const std::string& name : names(folder_)) {
    PinnedSet set;
    if (std::sscanf(name.c_str(), "set-%" SCNu32 "-%" SCNu32 "-%" SCNx64, &set.epoch, &set.wire,
                    &set.shape) == 3) {
      found.push_back(set);
    }
  }
  return found;
}

Result<void> Pins::make(const std::string& folder) {
  for (const std::string& each : {fs::path(folder).parent_path().string(), folder}) {
    if (mkdir(each.c_str(), kOwnersOnly) != 0 && errno != EEXIST) return refused(each, errno);
  }
  return {};
}

std::vector<std::string> Pins::names(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    found.push_back(entry.path().filename().string());
  }
  std::ranges::sort(found);
  return found;
}

Result<void> Pins::remove(const std::string& folder) {
  std::error_code failed;
  fs::remove_all(folder, failed);
  if (!failed) return {};
  return Error{Errc::kInternal, fmt::format("remove {}: {}", folder, failed.message())};
}

}  // namespace idtrail
