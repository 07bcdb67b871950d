// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/reader.h"

#include <cstring>

#include <poll.h>

#include "agent/kernel/boot_clock.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr int kRounds = 256;  // whoever floods must not keep the agent from others

/// 0 for what is too short to say; the decoder will refuse it.
std::uint64_t time_of(std::span<const std::byte> record) {
  std::uint64_t at = 0;
  static_assert(offsetof(event_header, boot_ns) == 0);
  if (record.size() >= sizeof(at)) std::memcpy(&at, record.data(), sizeof(at));
  return at;
}

}  // namespace

Reader::Reader(Ring urgent, Ring bulk)
    : urgent_(std::move(urgent)),
      bulk_(std::move(bulk)),
      handed_again_(std::uint64_t{urgent_.was_in_hand()} + std::uint64_t{bulk_.was_in_hand()}) {}

Result<Reader> Reader::open(int urgent_fd, int bulk_fd) {
  auto urgent = Ring::open(urgent_fd);
  if (!urgent) return urgent.error();
  auto bulk = Ring::open(bulk_fd);
  if (!bulk) return bulk.error();
  return Reader(std::move(*urgent), std::move(*bulk));
}

std::size_t Reader::round(const RecordFn& on_record) {
  const std::uint64_t until = boot_clock_ns();
  std::size_t handed = 0;
  while (true) {
    const auto urgent = urgent_.front();
    const auto bulk = bulk_.front();
    if (!urgent && !bulk) return handed;
    const bool bulk_first = !urgent || (bulk && time_of(*bulk) < time_of(*urgent));
    const auto record = bulk_first ? *bulk : *urgent;
    if (time_of(record) > until) return handed;
    Ring& ring = bulk_first ? bulk_ : urgent_;
    ring.take_in_hand();
    on_record(record);
    ring.pop();
    ++handed;
  }
}

std::size_t Reader::drain(const RecordFn& on_record) {
  std::size_t total = 0;
  for (int i = 0; i < kRounds; ++i) {
    const std::size_t handed = round(on_record);
    total += handed;
    if (handed == 0) break;
  }
  return total;
}

void Reader::wait(std::chrono::milliseconds timeout) const {
  pollfd readable{.fd = urgent_fd(), .events = POLLIN, .revents = 0};
  ::poll(&readable, 1, static_cast<int>(timeout.count()));
}

}  // namespace idtrail
