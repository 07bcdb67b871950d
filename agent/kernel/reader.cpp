// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/format.h>
#include <poll.h>

#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr std::size_t kBulkTaken = 1U << 20U;  // bytes of the bulk ring that one round copies
constexpr int kRounds = 256;                   // whoever floods must not keep the agent from others
constexpr int kStop = -ECANCELED;              // ends libbpf's loop; the record counts as consumed

std::uint64_t boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// 0 for what is too short to say; the decoder will refuse it.
std::uint64_t time_of(std::span<const std::byte> record) {
  std::uint64_t at = 0;
  static_assert(offsetof(event_header, boot_ns) == 0);
  if (record.size() >= sizeof(at)) std::memcpy(&at, record.data(), sizeof(at));
  return at;
}

/// Copied records in a row, the first that has not been handed over in front.
class Copies {
 public:
  void add(std::span<const std::byte> record) {
    entries_.push_back({.size = record.size(), .at = time_of(record)});
    bytes_.insert(bytes_.end(), record.begin(), record.end());
  }
  [[nodiscard]] bool empty() const { return first_ == entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_.size() - begin_; }
  [[nodiscard]] std::uint64_t oldest() const { return entries_[first_].at; }
  [[nodiscard]] std::uint64_t newest() const { return entries_.back().at; }
  std::span<const std::byte> take() {
    const std::size_t begin = begin_;
    begin_ += entries_[first_].size;
    return {bytes_.data() + begin, entries_[first_++].size};
  }
  /// Moves what is left to the front; views of take() end here.
  void settle() {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    first_ = 0;
    begin_ = 0;
  }

 private:
  struct Entry {
    std::size_t size = 0;
    std::uint64_t at = 0;
  };
  std::vector<std::byte> bytes_;
  std::vector<Entry> entries_;
  std::size_t begin_ = 0;
  std::size_t first_ = 0;
};

}  // namespace

struct Reader::State {
  RingBuffer urgent;
  RingBuffer bulk;
  Copies early;    // of the urgent ring: at most one, younger than its round
  Copies waiting;  // of the bulk ring
  std::uint64_t until = 0;
  std::size_t handed = 0;
  const RecordFn* on_record = nullptr;

  void hand(std::span<const std::byte> record) {
    (*on_record)(record);
    ++handed;
  }
  void hand_waiting(std::uint64_t limit) {
    while (!waiting.empty() && waiting.oldest() <= limit) hand(waiting.take());
  }

  static int on_bulk(void* context, void* record, std::size_t size) {
    auto& state = *static_cast<State*>(context);
    state.waiting.add({static_cast<const std::byte*>(record), size});
    return state.waiting.bytes() < kBulkTaken ? 0 : kStop;
  }

  static int on_urgent(void* context, void* bytes, std::size_t size) {
    auto& state = *static_cast<State*>(context);
    const std::span<const std::byte> record(static_cast<const std::byte*>(bytes), size);
    const std::uint64_t at = time_of(record);
    if (at > state.until) {
      state.early.add(record);
      return kStop;
    }
    state.hand_waiting(at);
    state.hand(record);
    return 0;
  }

  std::size_t round() {
    handed = 0;
    until = boot_now();
    waiting.settle();
    // Where not all of the bulk ring was taken, its younger part may belong before urgent records.
    if (ring_buffer__consume(bulk.get()) == kStop) until = std::min(until, waiting.newest());
    const bool go_on = early.empty() || early.oldest() <= until;
    if (!early.empty() && go_on) {
      hand_waiting(early.oldest());
      hand(early.take());
      early.settle();
    }
    if (go_on) ring_buffer__consume(urgent.get());
    hand_waiting(until);
    return handed;
  }
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&& other) noexcept = default;
Reader& Reader::operator=(Reader&& other) noexcept = default;

Result<Reader> Reader::open(int urgent_fd, int bulk_fd) {
  auto state = std::make_unique<State>();
  state->urgent.reset(ring_buffer__new(urgent_fd, State::on_urgent, state.get(), nullptr));
  state->bulk.reset(ring_buffer__new(bulk_fd, State::on_bulk, state.get(), nullptr));
  if (!state->urgent || !state->bulk) {
    return Error{Errc::kUnsupported,
                 fmt::format("map the rings of records: {}", std::strerror(errno))};
  }
  return Reader(std::move(state));
}

std::size_t Reader::drain(const RecordFn& on_record) {
  state_->on_record = &on_record;
  std::size_t total = 0;
  for (int i = 0; i < kRounds; ++i) {
    const std::size_t handed = state_->round();
    total += handed;
    if (handed == 0) break;
  }
  return total;
}

void Reader::wait(std::chrono::milliseconds timeout) const {
  pollfd readable{.fd = epoll_fd(), .events = POLLIN, .revents = 0};
  ::poll(&readable, 1, static_cast<int>(timeout.count()));
}

int Reader::epoll_fd() const { return ring_buffer__epoll_fd(state_->urgent.get()); }

}  // namespace idtrail
