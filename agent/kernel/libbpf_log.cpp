// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/libbpf_log.h"

#include <array>
#include <cstdarg>
#include <cstdio>

#include <bpf/libbpf.h>

namespace idtrail {
namespace {

constexpr std::size_t kLineBytes = 1024;
thread_local std::string* t_text = nullptr;

int print(libbpf_print_level level, const char* format, va_list arguments) {
  if (t_text == nullptr || level != LIBBPF_WARN) return 0;
  std::array<char, kLineBytes> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string added = one_line(line.data(), kLineBytes);
  if (!t_text->empty() && !added.empty()) *t_text += "; ";
  *t_text += added;
  return 0;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  t_text = &text_;
  libbpf_set_print(print);
}

LibbpfLog::~LibbpfLog() { t_text = nullptr; }

std::string one_line(const std::string& text, std::size_t max_bytes) {
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
    } else if (!line.empty() && !line.ends_with("; ")) {
      line += "; ";
    }
  }
  if (line.ends_with("; ")) line.resize(line.size() - 2);
  return line.size() <= max_bytes ? line : line.substr(line.size() - max_bytes);
}

}  // namespace idtrail
