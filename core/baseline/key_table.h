// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace idtrail {

/// From 64-bit hashes to row numbers: open addressing, no removal. Twelve bytes a slot, since it
/// counts against what an identity may hold. Keys must be hashes already.
class KeyTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  [[nodiscard]] std::uint32_t find(std::uint64_t key) const {
    if (keys_.empty()) return kNone;
    for (std::size_t at = key & mask();; at = (at + 1) & mask()) {
      if (rows_[at] == kNone || keys_[at] == key) return rows_[at];
    }
  }

  /// The key must not be there yet.
  void insert(std::uint64_t key, std::uint32_t row) {
    if (slots_for(size_ + 1) > keys_.size()) grow();
    put(key, row);
    ++size_;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return keys_.size() * kSlotBytes; }
  /// What bytes() will be with one entry more.
  [[nodiscard]] std::size_t bytes_with_one_more() const {
    return slots_for(size_ + 1) * kSlotBytes;
  }

 private:
  static constexpr std::size_t kSlotBytes = sizeof(std::uint64_t) + sizeof(std::uint32_t);

  static std::size_t slots_for(std::size_t entries) {
    std::size_t slots = 16;
    while (slots * 3 < entries * 4) slots *= 2;
    return slots;
  }
  [[nodiscard]] std::size_t mask() const { return keys_.size() - 1; }

  void put(std::uint64_t key, std::uint32_t row) {
    std::size_t at = key & mask();
    while (rows_[at] != kNone) at = (at + 1) & mask();
    keys_[at] = key;
    rows_[at] = row;
  }

  void grow() {
    const std::vector<std::uint64_t> keys = std::move(keys_);
    const std::vector<std::uint32_t> rows = std::move(rows_);
    const std::size_t slots = slots_for(size_ + 1);
    keys_.assign(slots, 0);
    rows_.assign(slots, kNone);
    for (std::size_t at = 0; at < keys.size(); ++at) {
      if (rows[at] != kNone) put(keys[at], rows[at]);
    }
  }

  std::vector<std::uint64_t> keys_;
  std::vector<std::uint32_t> rows_;
  std::size_t size_ = 0;
};

}  // namespace idtrail
