// SPDX-License-Identifier: Apache-2.0
#include "core/sink/write_all.h"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace idtrail {

int write_all(int fd, std::string_view bytes, std::size_t& written) {
  constexpr int kPatienceMs = 1000;  // for a reader at the other end of a non-blocking pipe
  written = 0;
  while (written < bytes.size()) {
    const ssize_t now = ::write(fd, bytes.data() + written, bytes.size() - written);
    if (now >= 0) {
      written += static_cast<std::size_t>(now);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, kPatienceMs) == 0) return EAGAIN;
  }
  return 0;
}

}  // namespace idtrail
