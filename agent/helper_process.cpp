// SPDX-License-Identifier: Apache-2.0
#include "agent/helper_process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace idtrail {
namespace {

void become(const char* name, int socket) {
  signal(SIGINT, SIG_IGN);  // the agent's to answer, whoever the terminal or systemd sends them to
  signal(SIGTERM, SIG_IGN);
  prctl(PR_SET_NAME, name, 0, 0, 0);
  close_range(static_cast<unsigned>(socket) + 1, ~0U, 0);
  for (int fd = 0; fd < socket; ++fd) close(fd);
}

}  // namespace

Result<HelperProcess> HelperProcess::start(const char* name, int type,
                                           const std::function<void(int socket)>& serve) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    return Error{Errc::kInternal, fmt::format("make a socket pair: {}", std::strerror(errno))};
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) {
    return Error{Errc::kExhausted, fmt::format("fork {}: {}", name, std::strerror(errno))};
  }
  if (pid == 0) {
    become(name, theirs.get());
    serve(theirs.get());
    _exit(0);
  }
  return HelperProcess(pid, std::move(ours));
}

HelperProcess::HelperProcess(HelperProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}

HelperProcess::~HelperProcess() {
  if (pid_ <= 0) return;
  socket_ = Fd();  // tells it to end
  waitpid(pid_, nullptr, 0);
}

}  // namespace idtrail
