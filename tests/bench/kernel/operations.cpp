// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/kernel/operations.h"

#include <array>
#include <cstdlib>
#include <memory>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace idtrail::bench {
namespace {

/// A socket bound to the loopback, for both transports.
class Peer {
 public:
  explicit Peer(int type) : socket_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    const bool ready = bind(socket_, get(), size) == 0 &&
                       getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size) == 0 &&
                       (type != SOCK_STREAM || listen(socket_, 16) == 0);
    if (!ready) std::abort();
  }
  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static constexpr socklen_t kSize = sizeof(sockaddr_in);

 private:
  int socket_;
  sockaddr_in address_{};
};

void open_close(const std::string& file, bool read_it) {
  char text[64];
  const int opened = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened < 0) std::abort();
  if (read_it && read(opened, text, sizeof(text)) < 0) std::abort();
  close(opened);
}

/// By vfork(): it passes the same hooks as fork(), and the copy of an address space, a hundred
/// times dearer than what is measured, drifts by more than that from one phase to the next.
void fork_wait(const char* program) {
  char* const argv[] = {const_cast<char*>(program), nullptr};
  char* const environment[] = {nullptr};
  const pid_t child = vfork();
  if (child == 0) {
    if (program == nullptr) _exit(0);
    execve(program, argv, environment);
    _exit(1);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) std::abort();
}

/// What a person or a cron job does all day: five programs, some fifty files.
void shell_loop() {
  constexpr const char* kScript = "cat /etc/passwd | grep root; ls -l /etc; id";
  const pid_t child = vfork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", kScript, nullptr);
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) std::abort();
}

void connect_close(const Peer& server) {
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // A reset at the end leaves no state behind that later bursts would wade through.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  if (connect(client, server.get(), Peer::kSize) != 0) std::abort();
  const int accepted = accept(server.socket(), nullptr, nullptr);
  close(client);
  close(accepted);
}

/// Over a connection that has sent before; `ends` are its two.
void tcp_send(const std::array<int, 2>& ends) {
  char text[16] = {};
  if (send(ends[0], text, sizeof(text), 0) < 0) std::abort();
  if (recv(ends[1], text, sizeof(text), 0) < 0) std::abort();
}

std::array<int, 2> connection(const Peer& server) {
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(client, server.get(), Peer::kSize) != 0) std::abort();
  return {client, accept(server.socket(), nullptr, nullptr)};
}

void udp_send(int from, const Peer& to) {
  char text[16] = {};
  if (sendto(from, text, sizeof(text), 0, to.get(), Peer::kSize) < 0) std::abort();
  if (recv(to.socket(), text, sizeof(text), 0) < 0) std::abort();
}

}  // namespace

std::vector<Operation> operations(const Places& places) {
  const auto server = std::make_shared<Peer>(SOCK_STREAM);
  const auto sink = std::make_shared<Peer>(SOCK_DGRAM);
  const int sender = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto ends = connection(*server);
  return {
      {"getppid", 2000, [] { syscall(SYS_getppid); }},
      {"open_close", 100, [places] { open_close(places.ordinary, false); }},
      {"credential_read", 80, [places] { open_close(places.credential, true); }},
      {"fork_exit", 10, [] { fork_wait(nullptr); }},
      {"exec", 20, [places] { fork_wait(places.program.c_str()); }},
      {"connect_close", 12, [server] { connect_close(*server); }},
      {"tcp_send", 50, [ends] { tcp_send(ends); }},
      {"udp_send", 50, [sink, sender] { udp_send(sender, *sink); }},
      {"shell_loop", 3, shell_loop, true},
  };
}

}  // namespace idtrail::bench
