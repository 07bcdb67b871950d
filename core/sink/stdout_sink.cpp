// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "core/sink/sink.h"
#include "core/sink/write_all.h"

namespace idtrail {
namespace {

class StdoutSink final : public Sink {
 public:
  Result<void> deliver(std::string_view json_line) override {
    std::string line = torn_ ? "\n" : "";
    line += json_line;
    line += '\n';
    std::size_t written = 0;
    const int why = write_all(STDOUT_FILENO, line, written);
    if (why == 0) {
      torn_ = false;
      return {};
    }
    torn_ = torn_ || written > 0;
    return Error{Errc::kUnavailable,
                 fmt::format("write finding to standard output: {}", std::strerror(why))};
  }

 private:
  bool torn_ = false;  // the last line stopped short: the next one must not continue it
};

}  // namespace

Result<std::unique_ptr<Sink>> make_stdout_sink(const SinkSettings& /*settings*/) {
  return std::unique_ptr<Sink>(std::make_unique<StdoutSink>());
}

}  // namespace idtrail
