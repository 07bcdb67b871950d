// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace idtrail {

/// Keeps what libbpf would print on stderr while it lives; libbpf stays silent afterwards.
/// One at a time per thread: libbpf's print function is global.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  /// The warnings so far on one line, separated by "; ".
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// `text` on one line: line ends become "; ", and only the last `max_bytes` stay.
std::string one_line(const std::string& text, std::size_t max_bytes);

}  // namespace idtrail
