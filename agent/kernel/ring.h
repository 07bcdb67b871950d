// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/kernel/mapped.h"
#include "core/common/result.h"

namespace idtrail {

/// The reader's end of one BPF ring buffer. Not libbpf's, which takes a record away before anybody
/// can know whether it came first, and which would take with it what a killed agent held.
class Ring {
 public:
  /// The descriptor stays the caller's and outlives it.
  static Result<Ring> open(int map_fd);

  /// The oldest record; nothing where there is none, or where it is still being written. A view,
  /// valid until pop() or the next call.
  std::optional<std::span<const std::byte>> front();
  /// Says that the front is being looked at: whoever opens the ring after us can tell.
  void take_in_hand();
  /// Gives the place of the front back.
  void pop();

  /// True if a reader before us died with the front in its hand: it comes a second time.
  [[nodiscard]] bool was_in_hand() const;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  Ring() = default;
  std::span<const std::byte> in_one_piece(std::size_t begin, std::size_t size);

  int fd_ = -1;
  Mapped consumer_;  // the page that the reader writes; the kernel reads its first word only
  Mapped producer_;  // the kernel's page and the records, once: what is mapped counts as resident
  std::vector<std::byte>
      whole_;  // a record that begins at the end of the ring, and ends at its start
  std::size_t page_ = 0;
  std::size_t bytes_ = 0;
  std::size_t size_ = 0;  // of the front, with its header
};

}  // namespace idtrail
