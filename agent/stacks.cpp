// SPDX-License-Identifier: Apache-2.0
#include "agent/stacks.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <bcc/bcc_proc.h>
#include <bcc/bcc_syms.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/decode/bytes.h"
#include "core/common/text.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr std::size_t kNameMax = 200;  // bytes of a symbol's or a file's name
constexpr std::size_t kTextMax = 2 * STACK_FRAMES_MAX * kNameMax;

std::string cut(std::string_view text) { return printable(text.substr(0, kNameMax)); }

/// The mapping that an address lies in.
struct Module {
  std::uint64_t address = 0;
  std::string path{};
  std::uint64_t offset = 0;  // in the file
};

int keep_module(mod_info* info, int /*enter_ns*/, void* wanted) {
  auto& module = *static_cast<Module*>(wanted);
  const bool perf_map = info->end_addr == UINT64_MAX;  // of code made at run time, anywhere
  if (perf_map || module.address < info->start_addr || module.address >= info->end_addr) return 0;
  module.path = info->name;
  module.offset = module.address - info->start_addr + info->file_offset;
  return -1;  // no more
}

class Process {
 public:
  Process(std::uint32_t tgid, std::size_t module_max)
      : tgid_(static_cast<int>(tgid)), module_max_(module_max) {
    bcc_symbol_option option{.use_debug_file = 0,
                             .check_debug_file_crc = 0,
                             .lazy_symbolize = 1,
                             .use_symbol_type = 1U << STT_FUNC | 1U << STT_GNU_IFUNC};
    symbols_ = bcc_symcache_new(tgid_, &option);
  }
  ~Process() {
    if (symbols_ != nullptr) bcc_free_symcache(symbols_, tgid_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] std::string frame(std::uint64_t address) const {
    Module module{.address = address};
    bcc_procutils_each_module(tgid_, keep_module, &module);
    const bool mapped = !module.path.empty();
    bcc_symbol symbol{};
    if (!readable(module.path) || bcc_symcache_resolve(symbols_, address, &symbol) != 0) {
      if (!mapped) return fmt::format("0x{:x}", address);
      return fmt::format("{}+0x{:x}", cut(module.path), module.offset);
    }
    std::string text = fmt::format("{}+0x{:x} ({})", cut(symbol.demangle_name), symbol.offset,
                                   cut(mapped ? module.path.c_str() : symbol.module));
    bcc_symbol_free_demangle_name(&symbol);
    return text;
  }

 private:
  /// Its symbols take no more than there is room for. What is not mapped from a file may still be
  /// in a perf map.
  [[nodiscard]] bool readable(const std::string& path) const {
    struct stat meta {};
    if (symbols_ == nullptr) return false;
    if (path.empty()) return true;
    const std::string inside = fmt::format("/proc/{}/root{}", tgid_, path);
    return stat(inside.c_str(), &meta) != 0 ||
           (S_ISREG(meta.st_mode) && static_cast<std::size_t>(meta.st_size) <= module_max_);
  }

  int tgid_;
  std::size_t module_max_;
  void* symbols_ = nullptr;
};

/// More memory than the process has now, by so much.
void limit_memory(std::size_t bytes) {
  std::array<char, 64> text{};
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  FILE* file = fopen("/proc/self/statm", "re");
  if (file == nullptr) return;
  const bool read = fgets(text.data(), text.size(), file) != nullptr;
  fclose(file);
  if (!read) return;
  const rlim_t all = std::strtoull(text.data(), nullptr, 10) * page + bytes;
  const rlimit limit{.rlim_cur = all, .rlim_max = all};
  setrlimit(RLIMIT_AS, &limit);
}

[[noreturn]] void tell(const Stack& stack, const SymbolBounds& bounds, int to) {
  limit_memory(bounds.memory);
  std::string text;
  const Process process(stack.tgid, bounds.module);
  for (const std::uint64_t address : stack.addresses) text += process.frame(address) + "\n";
  const ssize_t written = write(to, text.data(), std::min(text.size(), kTextMax));
  _exit(written < 0 ? 1 : 0);
}

/// What comes before the end or the deadline.
std::string hear(int from, std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  std::string text;
  std::array<char, 4096> chunk{};
  while (text.size() < kTextMax) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wait{from, POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) break;
    const ssize_t got = read(from, chunk.data(), chunk.size());
    if (got <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string ask_child(const Stack& stack, const SymbolBounds& bounds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t child = fork();
  if (child == 0) tell(stack, bounds, ends[1]);
  close(ends[1]);
  std::string text = child > 0 ? hear(ends[0], bounds.time) : std::string();
  close(ends[0]);
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  return text;
}

}  // namespace

std::optional<Stack> stack_of(std::span<const std::byte> record) {
  const auto header = take<event_header>(record);
  if (!header || header->kind != EVENT_stack) return std::nullopt;
  const auto payload = take<stack_payload>(record);
  if (!payload || !record.empty() || payload->frames > STACK_FRAMES_MAX) return std::nullopt;
  return Stack{.tgid = header->tgid,
               .tid = header->tid,
               .boot_ns = header->boot_ns,
               .addresses = {payload->addresses, payload->addresses + payload->frames}};
}

std::vector<std::string> symbolise(const Stack& stack, const SymbolBounds& bounds) {
  std::vector<std::string> frames;
  if (stack.addresses.empty()) return frames;
  const std::string text = ask_child(stack, bounds);
  std::string_view rest = text;
  for (const std::uint64_t address : stack.addresses) {
    const auto end = rest.find('\n');
    const bool told = end != std::string_view::npos;
    frames.push_back(told ? std::string(rest.substr(0, end)) : fmt::format("0x{:x}", address));
    rest.remove_prefix(told ? end + 1 : rest.size());
  }
  return frames;
}

v1::StackFact Symboliser::look(const Stack& stack, std::uint64_t now_ns) {
  constexpr std::uint64_t kRest = 10;
  v1::StackFact fact;
  fact.set_tgid(stack.tgid);
  fact.set_tid(stack.tid);
  fact.set_boot_ns(stack.boot_ns);
  if (now_ns < rest_until_ns_) {
    for (const std::uint64_t address : stack.addresses) {
      fact.add_frames(fmt::format("0x{:x}", address));
    }
    return fact;
  }
  const auto began = std::chrono::steady_clock::now();
  for (std::string& frame : look_(stack)) fact.add_frames(std::move(frame));
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - began;
  rest_until_ns_ = now_ns + kRest * static_cast<std::uint64_t>(took.count());
  return fact;
}

}  // namespace idtrail
