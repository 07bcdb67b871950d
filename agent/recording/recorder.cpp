// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/recorder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace idtrail {
namespace {

using recording::FrameHeader;
using recording::FrameType;

constexpr std::size_t kBufferBytes = 256U << 10U;

template <typename T>
void put(std::vector<std::byte>& out, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// 0, or the errno of what stopped it.
int write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::create(const std::filesystem::path& file,
                                                   const v1::SnapshotFact& snapshot, bool replace) {
  const int how = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (replace ? O_TRUNC : O_EXCL);
  const int descriptor = ::open(file.c_str(), how, 0600);
  if (descriptor < 0 || ::fchmod(descriptor, 0600) != 0) {
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    return Error{error == EEXIST ? Errc::kInvalid : Errc::kUnavailable,
                 fmt::format("create recording {}: {}", file.string(), std::strerror(error))};
  }
  std::unique_ptr<Recorder> recorder(new Recorder(descriptor, file));
  v1::Fact first;
  *first.mutable_snapshot() = snapshot;
  recorder->fact(first);
  if (auto flushed = recorder->flush(); !flushed) return flushed.error();
  return recorder;
}

Recorder::Recorder(int descriptor, std::filesystem::path file)
    : descriptor_(descriptor), file_(std::move(file)) {
  buffer_.reserve(kBufferBytes + recording::kRecordMax);
  put(buffer_, recording::FileHeader{});
}

Recorder::~Recorder() {
  (void)flush();
  ::close(descriptor_);
}

void Recorder::record(std::span<const std::byte> bytes) {
  append(FrameType::kRecord, bytes.first(std::min(bytes.size(), recording::kRecordMax)));
}

void Recorder::fact(const v1::Fact& fact) {
  serialised_.clear();
  if (!fact.AppendToString(&serialised_) || serialised_.size() > recording::kFactMax) {
    // The pipeline gets it and the recording does not: from here on they differ.
    stop(EMSGSIZE);
  }
  append(FrameType::kFact, std::as_bytes(std::span(serialised_)));
}

void Recorder::append(FrameType type, std::span<const std::byte> payload) {
  if (stopped_by_ != 0) {
    ++lost_;
    return;
  }
  put(buffer_, FrameHeader{.type = static_cast<std::uint32_t>(type),
                           .size = static_cast<std::uint32_t>(payload.size()),
                           .hash = recording::payload_hash(type, payload)});
  buffer_.insert(buffer_.end(), payload.begin(), payload.end());
  ++buffered_frames_;
  if (buffer_.size() >= kBufferBytes) (void)flush();
}

Result<void> Recorder::flush() {
  if (stopped_by_ == 0 && !buffer_.empty()) {
    if (const int error = write_all(descriptor_, buffer_); error != 0) {
      stop(error);
    } else {
      written_bytes_ += buffer_.size();
      frames_ += std::exchange(buffered_frames_, 0);
      buffer_.clear();
    }
  }
  if (stopped_by_ == 0) return {};
  return Error{Errc::kExhausted,
               fmt::format("record to {}: {}; it ends after {} bytes", file_.string(),
                           std::strerror(stopped_by_), written_bytes_)};
}

/// Nothing half stays in the file.
void Recorder::stop(int error) {
  if (stopped_by_ != 0) return;
  if (error == EMSGSIZE && write_all(descriptor_, buffer_) == 0) {
    written_bytes_ += buffer_.size();
    frames_ += std::exchange(buffered_frames_, 0);
  }
  stopped_by_ = error;
  lost_ += std::exchange(buffered_frames_, 0);
  buffer_.clear();
  (void)!::ftruncate(descriptor_, static_cast<off_t>(written_bytes_));
}

}  // namespace idtrail
