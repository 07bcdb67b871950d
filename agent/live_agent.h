// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "agent/agent.h"
#include "agent/api/local_api.h"
#include "agent/api/metrics.h"
#include "agent/books.h"
#include "agent/decode/network_name.h"
#include "agent/decode/redact_record.h"
#include "agent/delivery.h"
#include "agent/known_behaviours.h"
#include "agent/pipeline.h"
#include "agent/recording/recorder.h"
#include "agent/sources/containers.h"
#include "agent/sources/descriptors.h"
#include "agent/sources/queue.h"
#include "agent/sources/seeds.h"
#include "agent/sources/volume_watch.h"
#include "agent/stacks.h"
#include "agent/views.h"
#include "core/common/redact.h"
#include "core/store/baseline_store.h"

namespace idtrail {

/// The agent at work: agent_start.cpp makes it, agent.cpp is its loop.
///
/// Members are in the order of their making; threads that use others come after them.
class LiveAgent final : public Agent {
 public:
  LiveAgent(Config config, Sensor sensor, Guard::Parts guard, SymbolHelper symbols)
      : config_(std::move(config)),
        sensor_(std::move(sensor)),
        guard_(sensor_, std::move(guard), [this](const v1::Fact& fact) { feed(fact); }),
        symbols_(std::move(symbols)) {}
  ~LiveAgent() override { stop_sources(); }

  Result<void> open(bool overwrite);
  void run(int stop_fd) override;

 private:
  static constexpr std::size_t kFactsWaiting = 16384;
  static constexpr std::size_t kQuestionsWaiting = 64;
  using Job = std::function<void()>;

  Result<void> open_outputs(bool overwrite);
  Result<void> feed_store();
  Seeds feed_seeds();
  void feed_descriptors(const Seeds& seeds);
  void feed_gap();
  void start_sources();
  void start_volumes();
  LocalAnswers answers();

  void feed(const v1::Fact& fact);
  void on_record(std::span<const std::byte> record);
  void on_stack(const Stack& stack);
  bool wait(int stop_fd);
  void drain();
  void tick(std::uint64_t now, bool busy);
  void read_books();
  void ask(const LookUp& look_up);
  void hand_on();
  void stop_sources();
  void finish();
  [[nodiscard]] LiveState live_state() const;

  Config config_;
  Sensor sensor_;
  Guard guard_;
  Bell bell_;
  RefusingQueue<v1::Fact> facts_{kFactsWaiting, &bell_};
  RefusingQueue<Job> jobs_{kQuestionsWaiting, &bell_};
  Redactor redactor_;
  SymbolHelper symbols_;
  Symboliser symboliser_{[this](const Stack& stack) { return symbols_.symbolise(stack); }};
  std::array<std::byte, recording::kRecordMax> record_{};
  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<BaselineStore> store_;  // null: baselines live in memory only
  std::unique_ptr<Recorder> recorder_;    // null: nothing is recorded
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<VolumeWatch> volumes_;  // null: volumes_missing_ says why
  std::unique_ptr<ContainerLookUps> containers_;
  std::unique_ptr<LocalApi> api_;
  std::unique_ptr<MetricsPage> metrics_;  // null: switched off
  std::string volumes_missing_;
  std::string gap_;
  Books books_{sensor_, [this](const v1::Fact& fact) { feed(fact); }};
  KnownBehaviours known_{sensor_.known(), [this](const v1::Fact& fact) { feed(fact); }};
  std::uint64_t records_ = 0;
  std::uint64_t records_of_others_ = 0;  // not of our self-test
  std::uint64_t masked_bytes_ = 0;
  std::uint64_t busy_until_ = 0;
  std::uint64_t last_round_ = 0;
  std::uint64_t last_tick_ = 0;
  std::uint64_t last_second_ = 0;
  std::uint64_t last_walk_ = 0;
  std::uint64_t walks_failed_ = 0;
  bool recording_ended_ = false;
};

}  // namespace idtrail
