// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/recording/format.h"
#include "core/common/result.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Writes the pipeline's inputs to a file, mode 0600. One thread. A full disk or an I/O error ends
/// the recording at its last whole frame, since one with a hole would replay to something else;
/// everything after that is counted as lost.
class Recorder {
 public:
  /// A file that exists is replaced only when `replace` is set. The snapshot is the first frame.
  static Result<std::unique_ptr<Recorder>> create(const std::filesystem::path& file,
                                                  const v1::SnapshotFact& snapshot,
                                                  bool replace = false);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// The record must be redacted.
  void record(std::span<const std::byte> bytes);
  void fact(const v1::Fact& fact);
  /// Hands everything to the file system. The error says why the recording ended; it is the same
  /// at every later call.
  Result<void> flush();

  [[nodiscard]] std::uint64_t frames() const { return frames_; }  // in the file
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  Recorder(int descriptor, std::filesystem::path file);
  void append(recording::FrameType type, std::span<const std::byte> payload);
  void stop(int error);

  int descriptor_;
  std::filesystem::path file_;
  std::vector<std::byte> buffer_;
  std::string serialised_;
  std::uint64_t buffered_frames_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t written_bytes_ = 0;  // whole frames
  int stopped_by_ = 0;               // errno; 0 while recording
};

}  // namespace idtrail
