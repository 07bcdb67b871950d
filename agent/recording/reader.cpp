// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/reader.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace idtrail {

using recording::FrameHeader;
using recording::FrameType;

Result<FrameReader> FrameReader::open(std::span<const std::byte> bytes) {
  recording::FileHeader header;
  if (bytes.size() < sizeof(header)) {
    return Error{Errc::kCorrupt, "the recording is damaged at offset 0: shorter than its header"};
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != recording::kMagic) {
    return Error{Errc::kCorrupt, "the file is no idtrail recording"};
  }
  if (header.version != recording::kVersion || header.wire_contract != IDTRAIL_WIRE_CONTRACT) {
    return Error{
        Errc::kUnsupported,
        fmt::format("the recording has version {} and wire contract {}, this program reads "
                    "{} and {}: replay it with the version that made it",
                    header.version, header.wire_contract, recording::kVersion,
                    IDTRAIL_WIRE_CONTRACT)};
  }
  return FrameReader(bytes);
}

Error FrameReader::damaged(const char* how) const {
  return {Errc::kCorrupt, fmt::format("the recording is damaged at offset {}: {}", offset_, how)};
}

Result<std::optional<Frame>> FrameReader::next() {
  const auto rest = bytes_.subspan(offset_);
  if (rest.empty()) return std::optional<Frame>();
  FrameHeader header;
  if (rest.size() < sizeof(header)) return damaged("the frame is cut");
  std::memcpy(&header, rest.data(), sizeof(header));
  const auto type = static_cast<FrameType>(header.type);
  if (type != FrameType::kRecord && type != FrameType::kFact) return damaged("no type of frame");
  const std::size_t bound = type == FrameType::kFact ? recording::kFactMax : recording::kRecordMax;
  if (header.size > bound) return damaged("the frame is larger than its type may be");
  if (header.size > rest.size() - sizeof(header)) return damaged("the frame is cut");
  const auto payload = rest.subspan(sizeof(header), header.size);
  if (header.hash != recording::payload_hash(type, payload)) return damaged("its hash differs");
  offset_ += sizeof(header) + header.size;
  return std::optional<Frame>({.type = type, .payload = payload});
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const Errc code = errno == ENOENT   ? Errc::kNotFound
                      : errno == EACCES ? Errc::kPermission
                                        : Errc::kUnavailable;
    return Error{code, fmt::format("open {}: {}", file.string(), std::strerror(errno))};
  }
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = regular ? static_cast<std::size_t>(status.st_size) : 0;
  void* start = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int error = errno;
  ::close(descriptor);
  if (!regular) {
    return Error{Errc::kInvalid, fmt::format("open {}: not a regular file", file.string())};
  }
  if (start == MAP_FAILED) {
    return Error{Errc::kUnavailable,
                 fmt::format("map {}: {}", file.string(), std::strerror(error))};
  }
  if (start != nullptr) (void)::madvise(start, size, MADV_SEQUENTIAL);
  return MappedFile({static_cast<const std::byte*>(start), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace idtrail
