// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/ring.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <unistd.h>

namespace idtrail {
namespace {

constexpr std::uint32_t kFlags = BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT;
constexpr std::size_t kPosition = 0;  // words of the consumer's page
constexpr std::size_t kInHand = 8;    // position + 1; 0: none

std::atomic_ref<std::uint64_t> word(const Mapped& memory, std::size_t index) {
  return std::atomic_ref<std::uint64_t>(memory.as<std::uint64_t>()[index]);
}

}  // namespace

Result<Ring> Ring::open(int map_fd) {
  bpf_map_info info{};
  std::uint32_t info_size = sizeof(info);
  Ring ring;
  ring.fd_ = map_fd;
  ring.page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_size) == 0) {
    ring.bytes_ = info.max_entries;
    ring.consumer_ = Mapped(map_fd, ring.page_, true);
    ring.producer_ = Mapped(map_fd, ring.page_ + ring.bytes_, false, ring.page_);
  }
  if (ring.consumer_ && ring.producer_) return ring;
  return Error{Errc::kUnsupported, fmt::format("map a ring of records: {}", std::strerror(errno))};
}

std::optional<std::span<const std::byte>> Ring::front() {
  auto position = word(consumer_, kPosition);
  while (true) {
    const std::uint64_t at = position.load(std::memory_order_relaxed);
    // Read only, so no atomic_ref: the kernel publishes with a release store.
    const auto end = __atomic_load_n(producer_.as<const std::uint64_t>(), __ATOMIC_ACQUIRE);
    if (at >= end) return std::nullopt;
    const std::size_t begin = at & (bytes_ - 1);
    const std::byte* header = producer_.as<const std::byte>() + page_ + begin;
    const auto length =
        __atomic_load_n(reinterpret_cast<const std::uint32_t*>(header), __ATOMIC_ACQUIRE);
    if ((length & BPF_RINGBUF_BUSY_BIT) != 0) return std::nullopt;
    const std::size_t size = std::min<std::size_t>(length & ~kFlags, bytes_ - BPF_RINGBUF_HDR_SZ);
    size_ = (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) {
      return in_one_piece((begin + BPF_RINGBUF_HDR_SZ) & (bytes_ - 1), size);
    }
    pop();
  }
}

std::span<const std::byte> Ring::in_one_piece(std::size_t begin, std::size_t size) {
  const std::span<const std::byte> records(producer_.as<const std::byte>() + page_, bytes_);
  if (size <= bytes_ - begin) return records.subspan(begin, size);
  const auto head = records.subspan(begin);
  const auto tail = records.first(size - head.size());
  whole_.assign(head.begin(), head.end());
  whole_.insert(whole_.end(), tail.begin(), tail.end());
  return whole_;
}

void Ring::take_in_hand() {
  const std::uint64_t at = word(consumer_, kPosition).load(std::memory_order_relaxed);
  word(consumer_, kInHand).store(at + 1, std::memory_order_relaxed);
}

void Ring::pop() {
  auto position = word(consumer_, kPosition);
  position.store(position.load(std::memory_order_relaxed) + size_, std::memory_order_release);
}

bool Ring::was_in_hand() const {
  return word(consumer_, kInHand).load() == word(consumer_, kPosition).load() + 1;
}

}  // namespace idtrail
