// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace idtrail {

/// Hash map of 64-bit keys in one array: linear probing, deletion by shifting back, grows at half
/// load. Callers bound the number of entries. Pointers to values live until the next change.
/// Keys are mixed first, so that numbers a workload chooses cannot pile up.
template <typename Value>
class FlatMap {
 public:
  FlatMap() : slots_(16) {}

  [[nodiscard]] std::size_t size() const { return size_; }

  [[nodiscard]] Value* find(std::uint64_t key) {
    for (std::size_t at = home(key);; at = next(at)) {
      Slot& slot = slots_[at];
      if (!slot.used) return nullptr;
      if (slot.key == key) return &slot.value;
    }
  }
  [[nodiscard]] const Value* find(std::uint64_t key) const {
    return const_cast<FlatMap*>(this)->find(key);
  }

  /// The value of `key`, made with Value{} where there was none.
  Value& operator[](std::uint64_t key) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t at = home(key);
    while (slots_[at].used && slots_[at].key != key) at = next(at);
    Slot& slot = slots_[at];
    if (!slot.used) {
      slot.used = true;
      slot.key = key;
      slot.value = Value{};
      ++size_;
    }
    return slot.value;
  }

  bool erase(std::uint64_t key) {
    std::size_t hole = home(key);
    while (slots_[hole].used && slots_[hole].key != key) hole = next(hole);
    if (!slots_[hole].used) return false;
    for (std::size_t at = next(hole); slots_[at].used; at = next(at)) {
      // An entry may fill the hole unless its home lies between the hole and itself.
      if (((at - home(slots_[at].key)) & mask()) < ((at - hole) & mask())) continue;
      slots_[hole].key = slots_[at].key;
      slots_[hole].value = std::move(slots_[at].value);
      hole = at;
    }
    slots_[hole].used = false;
    slots_[hole].value = Value{};
    --size_;
    return true;
  }

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.used) visit(slot.key, slot.value);
    }
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    bool used = false;
    Value value{};
  };

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    key ^= key >> 32U;
    key *= 0x9E3779B97F4A7C15ULL;
    key ^= key >> 29U;
    return key & mask();
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    size_ = 0;
    for (Slot& slot : old) {
      if (slot.used) (*this)[slot.key] = std::move(slot.value);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace idtrail
