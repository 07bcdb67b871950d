// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/attachment.h"

#include <optional>

#include <bpf/bpf.h>
#include <fcntl.h>

namespace idtrail {
namespace {

std::optional<bpf_link_info> link_info(int fd) {
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return std::nullopt;
  return info;
}

}  // namespace

Attachment::Attachment(int link_fd) : fd_(link_fd) {
  if (const auto info = link_info(fd_)) {
    link_id_ = info->id;
    program_id_ = info->prog_id;
  }
}

bool Attachment::stands() const {
  if (link_id_ == 0) return fcntl(fd_, F_GETFD) >= 0;
  const auto info = link_info(fd_);
  return info && info->id == link_id_ && info->prog_id == program_id_;
}

}  // namespace idtrail
