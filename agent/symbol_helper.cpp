// SPDX-License-Identifier: Apache-2.0
#include "agent/symbol_helper.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/privileges.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr const char* kHelperName = "idtrail-symbols";  // as ps shows it
constexpr std::chrono::milliseconds kGrace{200};        // for the helper's own work
constexpr std::size_t kAnswerMax = 32768;               // bytes of a number and frames

struct Question {
  std::uint64_t number;
  std::uint32_t tgid;
  std::uint32_t frames;
  std::array<std::uint64_t, STACK_FRAMES_MAX> addresses;
};

std::string answer_to(const Question& question) {
  Stack stack;
  stack.tgid = question.tgid;
  const auto count = std::min<std::size_t>(question.frames, STACK_FRAMES_MAX);
  stack.addresses.assign(question.addresses.begin(), question.addresses.begin() + count);
  std::string text(sizeof(question.number), '\0');
  std::memcpy(text.data(), &question.number, sizeof(question.number));
  for (const std::string& frame : symbolise(stack)) text += frame + "\n";
  return text.substr(0, kAnswerMax);
}

/// Ends when the agent's end of the socket is closed, however that came about.
[[noreturn]] void serve(int socket_fd) {
  signal(SIGINT, SIG_IGN);  // the agent's to answer, whoever the terminal or systemd sends them to
  signal(SIGTERM, SIG_IGN);
  prctl(PR_SET_NAME, kHelperName, 0, 0, 0);
  close_range(static_cast<unsigned>(socket_fd) + 1, ~0U, 0);
  for (int fd = 0; fd < socket_fd; ++fd) close(fd);
  if (!drop_to_looking()) _exit(1);
  Question question;
  while (recv(socket_fd, &question, sizeof(question), 0) == sizeof(question)) {
    const std::string text = answer_to(question);
    if (send(socket_fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) break;
  }
  _exit(0);
}

std::vector<std::string> addresses_of(const Stack& stack) {
  std::vector<std::string> frames;
  for (const std::uint64_t address : stack.addresses) {
    frames.push_back(fmt::format("0x{:x}", address));
  }
  return frames;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

Result<SymbolHelper> SymbolHelper::start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return Error{Errc::kInternal, fmt::format("make a socket pair: {}", std::strerror(errno))};
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) {
    return Error{Errc::kExhausted, fmt::format("fork the symboliser: {}", std::strerror(errno))};
  }
  if (pid == 0) serve(theirs.get());
  return SymbolHelper(pid, std::move(ours));
}

SymbolHelper::SymbolHelper(SymbolHelper&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::move(other.socket_)),
      asked_(other.asked_) {}

SymbolHelper::~SymbolHelper() {
  if (pid_ <= 0) return;
  socket_ = Fd();  // tells it to end
  waitpid(pid_, nullptr, 0);
}

std::vector<std::string> SymbolHelper::symbolise(const Stack& stack) {
  Question question{.number = ++asked_, .tgid = stack.tgid, .frames = 0, .addresses = {}};
  for (const std::uint64_t address : stack.addresses) {
    if (question.frames == STACK_FRAMES_MAX) break;
    question.addresses[question.frames++] = address;
  }
  const auto sent = send(socket_.get(), &question, sizeof(question), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != sizeof(question)) return addresses_of(stack);
  const auto deadline = std::chrono::steady_clock::now() + SymbolBounds{}.time + kGrace;
  std::string text(kAnswerMax, '\0');
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wait{socket_.get(), POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) break;
    const ssize_t got = recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    std::uint64_t number = 0;
    if (got < static_cast<ssize_t>(sizeof(number))) break;
    std::memcpy(&number, text.data(), sizeof(number));
    if (number != question.number) continue;  // a late answer to an earlier question
    auto frames = lines_of(std::string_view(text).substr(
        sizeof(number), static_cast<std::size_t>(got) - sizeof(number)));
    if (frames.size() != stack.addresses.size()) break;
    return frames;
  }
  return addresses_of(stack);
}

}  // namespace idtrail
