// SPDX-License-Identifier: Apache-2.0
#include "agent/symbol_helper.h"

#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
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

void serve(int socket_fd) {
  if (!drop_to_looking()) _exit(1);
  Question question;
  while (recv(socket_fd, &question, sizeof(question), 0) == sizeof(question)) {
    const std::string text = answer_to(question);
    if (send(socket_fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
  }
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
  auto process = HelperProcess::start(kHelperName, SOCK_SEQPACKET, serve);
  if (!process) return process.error();
  return SymbolHelper(std::move(*process));
}

std::vector<std::string> SymbolHelper::symbolise(const Stack& stack) {
  Question question{.number = ++asked_, .tgid = stack.tgid, .frames = 0, .addresses = {}};
  for (const std::uint64_t address : stack.addresses) {
    if (question.frames == STACK_FRAMES_MAX) break;
    question.addresses[question.frames++] = address;
  }
  const auto sent =
      send(process_.socket(), &question, sizeof(question), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != sizeof(question)) return addresses_of(stack);
  const auto deadline = std::chrono::steady_clock::now() + SymbolBounds{}.time + kGrace;
  std::string text(kAnswerMax, '\0');
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wait{process_.socket(), POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) break;
    const ssize_t got = recv(process_.socket(), text.data(), text.size(), MSG_DONTWAIT);
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
