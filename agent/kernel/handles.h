// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include <bpf/libbpf.h>
#include <unistd.h>

namespace idtrail {

template <auto Close>
struct Closer {
  template <typename T>
  void operator()(T* handle) const {
    Close(handle);
  }
};
using BpfObject = std::unique_ptr<bpf_object, Closer<bpf_object__close>>;

/// A link that has a name in the BPF file system stays attached; libbpf would switch a kprobe off.
inline void let_go(bpf_link* link) {
  const bool stays = bpf_link__pin_path(link) != nullptr;
  const int fd = bpf_link__fd(link);
  if (stays) bpf_link__disconnect(link);
  bpf_link__destroy(link);
  if (stays) close(fd);
}
using BpfLink = std::unique_ptr<bpf_link, Closer<let_go>>;

/// A descriptor of our own.
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
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace idtrail
