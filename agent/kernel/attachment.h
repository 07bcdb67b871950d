// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace idtrail {

/// A link of ours as it was when it was made, to see later that it is still there. Does not own the
/// descriptor. Where the kernel makes kprobe links without ids (before 5.15), an open descriptor
/// must do.
class Attachment {
 public:
  explicit Attachment(int link_fd);
  [[nodiscard]] bool stands() const;

 private:
  int fd_;
  std::uint32_t link_id_ = 0;
  std::uint32_t program_id_ = 0;
};

}  // namespace idtrail
