// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

#include <sys/mman.h>

namespace idtrail {

/// The memory of a BPF array map that was made with BPF_F_MMAPABLE; empty where the kernel refused,
/// with errno.
class Mapped {
 public:
  Mapped() = default;
  Mapped(int map_fd, std::size_t bytes, bool writable, std::size_t offset = 0) : bytes_(bytes) {
    const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* at = mmap(nullptr, bytes, protection, MAP_SHARED, map_fd, static_cast<off_t>(offset));
    if (at != MAP_FAILED) at_ = at;
  }
  ~Mapped() {
    if (at_ != nullptr) munmap(at_, bytes_);
  }
  Mapped(Mapped&& other) noexcept : at_(std::exchange(other.at_, nullptr)), bytes_(other.bytes_) {}
  Mapped& operator=(Mapped&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  [[nodiscard]] explicit operator bool() const { return at_ != nullptr; }
  template <typename T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(at_);
  }

 private:
  void* at_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace idtrail
