// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace idtrail {

/// Masks secrets in text of workloads: argument blocks (NUL between arguments), paths, URLs.
/// One thread: it remembers blocks that hold nothing to mask.
class Redactor {
 public:
  Redactor();
  ~Redactor();
  Redactor(Redactor&&) noexcept;
  Redactor& operator=(Redactor&&) noexcept;

  /// Overwrites every secret with '*' in place: no byte moves and no NUL is touched, so a wire
  /// record keeps its layout. Returns the number of bytes masked now. The same bytes always give
  /// the same result, and a second call masks nothing more. Time grows with the size, not with
  /// what the bytes are.
  std::size_t redact(std::span<char> bytes);

 private:
  class Rules;
  // Direct-mapped, so that it never grows: a collision costs one look through the rules.
  static constexpr std::size_t kRemembered = 4096;
  std::unique_ptr<const Rules> rules_;
  std::vector<std::uint64_t> clean_;
};

}  // namespace idtrail
