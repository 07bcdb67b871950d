// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <algorithm>
#include <cstring>

#include <poll.h>
#include <spdlog/spdlog.h>

#include "agent/live_agent.h"

namespace idtrail {
namespace {

using std::chrono::milliseconds;

constexpr int kGatherMs = 100;  // bulk records: the first wakes us, then more may come
constexpr int kBusyMs = 250;
constexpr int kIdleMs = 1000;
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kTickNs = kSecondNs / 4;       // while something may wait
constexpr std::uint64_t kIdleTickNs = 10 * kSecondNs;  // so that event time goes on at all
constexpr std::uint64_t kWalkNs = 10 * kSecondNs;      // between looks at what goes on unsent

}  // namespace

/// Every fact goes this way: recorded, consumed, and, for a volume, told to the kernel.
void LiveAgent::feed(const v1::Fact& fact) {
  if (recorder_ != nullptr) recorder_->fact(fact);
  pipeline_->on_fact(fact);
  sensor_.note_raised(pipeline_->raised());
  if (!fact.has_volume()) return;
  const auto& volume = fact.volume();
  // A verdict that finds no room leaves the device unknown: its opens are sent, nothing is hidden.
  const auto done = volume.gone()
                        ? sensor_.forget_volume(volume.device())
                        : sensor_.set_volume(volume.device(),
                                             volume.credential() ? VOLUME_CREDENTIAL : VOLUME_OTHER,
                                             volume.generation());
  if (!done) spdlog::debug("volume verdict refused error=\"{}\"", done.error().message);
}

void LiveAgent::on_stack(const Stack& stack) {
  if (!pipeline_->awaits_stack(stack.tgid, stack.tid, stack.boot_ns)) return;
  v1::Fact fact;
  *fact.mutable_stack() = symboliser_.look(stack, boot_now_ns());
  feed(fact);
}

void LiveAgent::on_record(std::span<const std::byte> record) {
  if (const auto stack = stack_of(record)) return on_stack(*stack);
  // The ring's bytes stay the kernel's; a longer record is cut and then refused by the decoder.
  const auto size = std::min(record.size(), record_.size());
  std::memcpy(record_.data(), record.data(), size);
  std::span<std::byte> own(record_.data(), size);
  own = own.first(take_network_name(own));
  if (!guard_.on_record(own)) ++records_of_others_;
  masked_bytes_ += redact_record(own, redactor_);
  if (recorder_ != nullptr) recorder_->record(own);
  pipeline_->on_record(own);
  sensor_.note_raised(pipeline_->raised());
  ++records_;
}

/// Until there is something to do; true where that is to stop.
bool LiveAgent::wait(int stop_fd) {
  const bool busy = last_round_ < busy_until_;
  std::array<pollfd, 4> waits{{{stop_fd, POLLIN, 0},
                               {sensor_.urgent_fd(), POLLIN, 0},
                               {bell_.fd(), POLLIN, 0},
                               {sensor_.bulk_fd(), POLLIN, 0}}};
  poll(waits.data(), waits.size(), busy ? kBusyMs : kIdleMs);
  const bool bulk_alone = (waits[3].revents & POLLIN) != 0 &&
                          (waits[0].revents | waits[1].revents | waits[2].revents) == 0;
  if (bulk_alone) poll(waits.data(), waits.size() - 1, kGatherMs);
  return (waits[0].revents & POLLIN) != 0;
}

void LiveAgent::run(int stop_fd) {
  bool stopping = false;
  while (!stopping) {
    stopping = wait(stop_fd);
    drain();
    while (const auto job = jobs_.try_pop()) (*job)();
  }
  finish();
}

/// One round: what came in since the last, then what follows from it.
void LiveAgent::drain() {
  bell_.clear();
  const std::uint64_t now =
      boot_now_ns();  // before the ring is read: no tick runs ahead of a record
  const std::uint64_t before = records_of_others_;
  last_round_ = now;
  sensor_.poll(milliseconds(0), [this](auto record) { on_record(record); });
  bool busy = records_of_others_ != before;
  while (const auto fact = facts_.try_pop()) {
    feed(*fact);
    busy = true;
  }
  guard_.look(now);
  tick(now, busy);
  hand_on();
}

void LiveAgent::tick(std::uint64_t now, bool busy) {
  const auto deadline = static_cast<std::uint64_t>(config_.identity_deadline.count());
  if (busy) busy_until_ = now + deadline + 2 * kSecondNs;
  const std::uint64_t every = now < busy_until_ ? kTickNs : kIdleTickNs;
  if (now - last_tick_ >= every) {
    v1::Fact fact;
    fact.mutable_tick()->set_boot_ns(now);
    feed(fact);
    last_tick_ = now;
  }
  if (now - last_second_ < kSecondNs) return;
  last_second_ = now;
  sensor_.beat();
  const bool walks = now - last_walk_ >= kWalkNs;
  if (books_.due(now, records_of_others_)) {
    read_books();
  } else if (walks) {
    known_.harvest(now);
  }
  if (walks) {
    if (!sensor_.walk()) ++walks_failed_;
    last_walk_ = now;
  }
  if (store_ != nullptr) {
    store_->submit(pipeline_->take_changes());
  } else {
    (void)pipeline_->take_changes();
  }
  if (recorder_ == nullptr || recording_ended_) return;
  if (const auto flushed = recorder_->flush(); !flushed) {
    recording_ended_ = true;
    spdlog::error("recording ended error=\"{}\"", flushed.error().message);
  }
}

void LiveAgent::read_books() {
  const std::uint64_t now = boot_now_ns();
  known_.harvest(now);
  known_.forget_cgroups(books_.read(), now);
}

void LiveAgent::ask(const LookUp& look_up) {
  switch (look_up.what) {
    case LookUp::What::kContainer:
      containers_->ask(look_up.container_id);
      break;
    case LookUp::What::kCgroup:
      containers_->ask_cgroup(look_up.cgroup);
      break;
    case LookUp::What::kVolume:
      if (volumes_ != nullptr) volumes_->ask(look_up.device);
      break;
  }
}

void LiveAgent::hand_on() {
  known_.apply(pipeline_->take_cache_orders(), boot_now_ns());
  for (const auto& look_up : pipeline_->take_look_ups()) ask(look_up);
  if (auto findings = pipeline_->take_findings(); !findings.empty())
    delivery_->submit(std::move(findings));
}

LiveState LiveAgent::live_state() const {
  LiveState state;
  guard_.add_counters(state.counters);
  const bool page_missing = metrics_ == nullptr && !config_.metrics_listen.empty();
  state.counters["metrics_page_missing"] = page_missing ? 1 : 0;
  state.counters["facts_refused"] = facts_.refused();
  state.counters["questions_refused"] = jobs_.refused();
  state.counters["findings_failed"] = delivery_->failed();
  state.counters["cgroups_without_books"] = books_.refused();
  state.counters["programs_missed"] = sensor_.missed_runs();
  state.counters["flow_walks_failed"] = walks_failed_;
  state.counters["syscalls_larger"] = sensor_.syscall_counts().larger;
  state.counters["syscalls_evicted"] = sensor_.syscall_counts().evicted;
  const auto stored = store_ == nullptr ? BaselineStore::Counters{} : store_->counters();
  state.counters["store_lost"] = stored.lost;
  state.counters["store_commits_failed"] = stored.failed_commits;  // kept and tried again
  state.counters["recording_lost"] = recorder_ == nullptr ? 0 : recorder_->lost();
  state.counters["connections_turned_away"] = api_ == nullptr ? 0 : api_->turned_away();
  if (containers_ != nullptr) {
    state.counters["container_look_ups_refused"] = containers_->refused();
    state.counters["container_runtime_silent"] = containers_->failed_calls();
    state.runtime_missing = containers_->missing();
  }
  if (volumes_ != nullptr) state.counters["volume_look_ups_refused"] = volumes_->refused();
  const Takeover& takeover = sensor_.takeover();
  state.counters["records_unreadable"] = takeover.unreadable;
  state.counters["records_handed_again"] = takeover.handed_again;
  state.counters["events_unattended"] = takeover.unattended;
  state.counters["known_unharvested"] = takeover.unharvested;
  state.counters["findings_undelivered"] = takeover.undelivered;
  state.gap = gap_;
  state.volumes_missing = volumes_missing_;
  return state;
}

void LiveAgent::stop_sources() {
  api_.reset();
  metrics_.reset();
  containers_.reset();
  volumes_.reset();
}

void LiveAgent::finish() {
  stop_sources();
  sensor_.poll(milliseconds(0), [this](auto record) { on_record(record); });
  while (const auto fact = facts_.try_pop()) feed(*fact);
  read_books();
  pipeline_->finish();
  if (auto findings = pipeline_->take_findings(); !findings.empty())
    delivery_->submit(std::move(findings));
  const std::uint64_t raised = delivery_->raised();
  delivery_.reset();  // waits until the last finding is delivered
  if (store_ != nullptr) {
    store_->submit(pipeline_->take_changes());
    store_->flush();
  }
  if (recorder_ != nullptr) (void)recorder_->flush();
  spdlog::info("stopped records={} findings={} masked_bytes={}", records_, raised, masked_bytes_);
}

Result<std::unique_ptr<Agent>> Agent::start(const Config& config, Sensor sensor, Guard::Parts guard,
                                            SymbolHelper symbols, bool overwrite) {
  auto agent =
      std::make_unique<LiveAgent>(config, std::move(sensor), std::move(guard), std::move(symbols));
  if (auto done = agent->open(overwrite); !done) return done.error();
  return std::unique_ptr<Agent>(std::move(agent));
}

}  // namespace idtrail
