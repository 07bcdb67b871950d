// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sink/sink.h"
#include "core/sink/write_all.h"

namespace idtrail {
namespace {

class FileSink final : public Sink {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)) {}
  ~FileSink() override { close(); }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  Result<void> open() {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) return failed("open", errno);
    torn_ = ends_inside_a_line();
    return {};
  }

  /// One write per finding: with O_APPEND lines of several writers do not mix.
  Result<void> deliver(std::string_view json_line) override {
    if (was_moved()) close();
    if (fd_ < 0) {
      if (auto opened = open(); !opened) return opened;
    }
    std::string line = torn_ ? "\n" : "";
    line += json_line;
    line += '\n';
    std::size_t written = 0;
    const int why = write_all(fd_, line, written);
    if (why == 0) {
      torn_ = false;
      return {};
    }
    close();
    return failed("append to", why);
  }

 private:
  /// After a crash or a full disk the last line may have stopped short.
  [[nodiscard]] bool ends_inside_a_line() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return false;
    const int reader = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (reader < 0) return true;
    char last = 0;
    const bool got = ::pread(reader, &last, 1, status.st_size - 1) == 1;
    ::close(reader);
    return !got || last != '\n';
  }

  /// Log rotation renames the file under us.
  [[nodiscard]] bool was_moved() const {
    if (fd_ < 0) return false;
    struct stat ours {};
    struct stat named {};
    if (::fstat(fd_, &ours) != 0) return true;
    return ::stat(path_.c_str(), &named) != 0 || ours.st_ino != named.st_ino ||
           ours.st_dev != named.st_dev;
  }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  [[nodiscard]] Error failed(std::string_view tried, int why) const {
    const Errc code = why == EACCES || why == EPERM    ? Errc::kPermission
                      : why == ENOSPC || why == EDQUOT ? Errc::kExhausted
                                                       : Errc::kUnavailable;
    return {code, fmt::format("{} findings file {}: {}", tried, path_, std::strerror(why))};
  }

  std::string path_;
  int fd_ = -1;
  bool torn_ = false;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_file_sink(const SinkSettings& settings) {
  if (settings.target.empty()) return Error{Errc::kInvalid, "the file sink needs a path"};
  auto sink = std::make_unique<FileSink>(settings.target);
  if (auto opened = sink->open(); !opened) return opened.error();
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace idtrail
