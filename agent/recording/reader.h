// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "agent/recording/format.h"
#include "core/common/result.h"

namespace idtrail {

struct Frame {
  recording::FrameType type = recording::FrameType::kRecord;
  std::span<const std::byte> payload;  // lives as long as what the reader reads
};

/// Frames of a recording that lies in memory. Any bytes are allowed.
class FrameReader {
 public:
  /// kCorrupt where the bytes are no recording, kUnsupported where another version wrote them.
  static Result<FrameReader> open(std::span<const std::byte> bytes);

  /// The next frame; nothing at the end. kCorrupt names the offset of a damaged frame, after
  /// everything before it has been handed out; it is said again at every later call.
  Result<std::optional<Frame>> next();

 private:
  explicit FrameReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] Error damaged(const char* how) const;

  std::span<const std::byte> bytes_;
  std::size_t offset_ = sizeof(recording::FileHeader);
};

/// A file in memory, read-only.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& file);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace idtrail
