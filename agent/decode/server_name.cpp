// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/server_name.h"

#include <algorithm>
#include <cstdint>

namespace idtrail {
namespace {

constexpr std::size_t kRecordHeader = 5;     // type, version, size
constexpr std::size_t kHandshakeHeader = 4;  // type, size
constexpr std::size_t kVersionAndRandom = 2 + 32;
constexpr std::size_t kServerNameExtension = 0;
constexpr std::size_t kHostName = 0;
constexpr std::size_t kNameMax = 255;

/// Reads forward; what lies beyond the end reads as 0 and ends it.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : left_(bytes) {}

  std::span<const std::byte> take(std::size_t count) {
    const auto taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  /// A number of `bytes` bytes, most significant first.
  std::size_t number(std::size_t bytes) {
    std::size_t value = 0;
    for (const std::byte one : take(bytes)) value = value << 8U | std::to_integer<std::size_t>(one);
    return value;
  }
  /// A field that its size stands before.
  std::span<const std::byte> sized(std::size_t bytes_of_size) {
    const std::size_t size = number(bytes_of_size);
    return take(size);
  }
  [[nodiscard]] bool done() const { return left_.empty(); }

 private:
  std::span<const std::byte> left_;
};

std::string_view host_name(std::span<const std::byte> extension) {
  Cursor list(extension);
  list.take(2);  // size of the list
  if (list.number(1) != kHostName) return {};
  const std::size_t size = list.number(2);
  const auto name = list.take(size);
  if (name.size() != size || size > kNameMax) return {};
  return {reinterpret_cast<const char*>(name.data()), name.size()};
}

}  // namespace

std::string_view read_server_name(std::span<const std::byte> hello) {
  Cursor in(hello);
  in.take(kRecordHeader + kHandshakeHeader + kVersionAndRandom);
  in.sized(1);  // session id
  in.sized(2);  // cipher suites
  in.sized(1);  // compression methods
  in.take(2);   // size of the extensions
  while (!in.done()) {
    const std::size_t type = in.number(2);
    const auto extension = in.sized(2);
    if (type == kServerNameExtension && !extension.empty()) return host_name(extension);
  }
  return {};
}

}  // namespace idtrail
