// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/descriptors.h"

#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace idtrail::test {
namespace {

/// A message of one byte with room for one descriptor.
struct Message {
  char byte = 'd';
  iovec text{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr header{.msg_name = nullptr,
                .msg_namelen = 0,
                .msg_iov = &text,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
                .msg_flags = 0};
};

}  // namespace

DescriptorPair::DescriptorPair() {
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends_) != 0) ends_[0] = ends_[1] = -1;
}

DescriptorPair::~DescriptorPair() {
  close(ends_[0]);
  close(ends_[1]);
}

bool DescriptorPair::send(int descriptor) const {
  Message message;
  cmsghdr* part = CMSG_FIRSTHDR(&message.header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(descriptor));
  std::memcpy(CMSG_DATA(part), &descriptor, sizeof(descriptor));
  return sendmsg(ends_[0], &message.header, 0) == 1;
}

int DescriptorPair::receive() const {
  Message message;
  if (recvmsg(ends_[1], &message.header, 0) != 1) return -1;
  const cmsghdr* part = CMSG_FIRSTHDR(&message.header);
  int descriptor = -1;
  if (part != nullptr) std::memcpy(&descriptor, CMSG_DATA(part), sizeof(descriptor));
  return descriptor;
}

int open_by_handle(const std::string& path) {
  union {
    file_handle handle;
    char room[sizeof(file_handle) + MAX_HANDLE_SZ];
  };
  handle.handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (name_to_handle_at(AT_FDCWD, path.c_str(), &handle, &mount_id, AT_SYMLINK_FOLLOW) != 0)
    return -1;
  const std::string folder = path.substr(0, path.rfind('/'));
  const int mount = open(folder.c_str(), O_RDONLY | O_DIRECTORY);  // any of the file system
  const int opened = open_by_handle_at(mount, &handle, O_RDONLY);
  close(mount);
  return opened;
}

}  // namespace idtrail::test
