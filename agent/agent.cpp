// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <poll.h>
#include <spdlog/spdlog.h>

#include "agent/api/local_api.h"
#include "agent/books.h"
#include "agent/decode/redact_record.h"
#include "agent/delivery.h"
#include "agent/known_behaviours.h"
#include "agent/pipeline.h"
#include "agent/recording/recorder.h"
#include "agent/sources/containers.h"
#include "agent/sources/queue.h"
#include "agent/sources/seeds.h"
#include "agent/sources/volume_watch.h"
#include "agent/views.h"
#include "core/common/redact.h"
#include "core/store/baseline_store.h"

namespace idtrail {
namespace {

using std::chrono::milliseconds;

constexpr int kWakeMs = 100;  // fork and exit records make nothing readable
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kTickNs = kSecondNs / 4;       // while something may wait
constexpr std::uint64_t kIdleTickNs = 10 * kSecondNs;  // so that event time goes on at all
constexpr std::size_t kFactsWaiting = 16384;
constexpr std::size_t kQuestionsWaiting = 64;

/// Members are in the order of their making; threads that use others come after them.
class LiveAgent final : public Agent {
 public:
  LiveAgent(Config config, Sensor sensor)
      : config_(std::move(config)), sensor_(std::move(sensor)) {}
  ~LiveAgent() override { stop_sources(); }

  Result<void> open(bool overwrite);
  void run(int stop_fd) override;

 private:
  using Job = std::function<void()>;

  Result<void> open_outputs(bool overwrite);
  Result<void> feed_store();
  void feed_seeds();
  void start_sources();
  void start_volumes();
  LocalAnswers answers();

  void feed(const v1::Fact& fact);
  void on_record(std::span<const std::byte> record);
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
  Bell bell_;
  RefusingQueue<v1::Fact> facts_{kFactsWaiting, &bell_};
  RefusingQueue<Job> jobs_{kQuestionsWaiting, &bell_};
  Redactor redactor_;
  std::array<std::byte, recording::kRecordMax> record_{};
  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<BaselineStore> store_;  // null: baselines live in memory only
  std::unique_ptr<Recorder> recorder_;    // null: nothing is recorded
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<VolumeWatch> volumes_;  // null: volumes_missing_ says why
  std::unique_ptr<ContainerLookUps> containers_;
  std::unique_ptr<LocalApi> api_;
  std::string volumes_missing_;
  Books books_{sensor_, [this](const v1::Fact& fact) { feed(fact); }};
  KnownBehaviours known_{sensor_.known(), [this](const v1::Fact& fact) { feed(fact); }};
  std::uint64_t records_ = 0;
  std::uint64_t masked_bytes_ = 0;
  std::uint64_t busy_until_ = 0;
  std::uint64_t last_tick_ = 0;
  std::uint64_t last_second_ = 0;
  bool recording_ended_ = false;
};

Result<void> LiveAgent::open(bool overwrite) {
  if (auto done = open_outputs(overwrite); !done) return done;
  if (!config_.socket.empty()) {
    auto api = LocalApi::open(config_.socket, answers());
    if (!api) return api.error();
    api_ = std::move(*api);
  }
  if (auto done = feed_store(); !done) return done;
  feed_seeds();
  start_volumes();
  start_sources();
  return {};
}

Result<void> LiveAgent::open_outputs(bool overwrite) {
  auto delivery = Delivery::open(config_);
  if (!delivery) return delivery.error();
  delivery_ = std::move(*delivery);
  const v1::SnapshotFact snapshot = take_snapshot(config_, sensor_.probes());
  pipeline_ = std::make_unique<Pipeline>(snapshot);
  if (config_.record.empty()) return {};
  auto recorder = Recorder::create(config_.record, snapshot, overwrite);
  if (!recorder) return recorder.error();
  recorder_ = std::move(*recorder);
  return {};
}

Result<void> LiveAgent::feed_store() {
  if (config_.store.empty()) return {};
  auto store = BaselineStore::open(config_.store);
  if (!store) return store.error();
  store_ = std::move(*store);
  if (store_->counters().recovered != 0) {
    spdlog::warn("baseline store was damaged and put aside file={}", config_.store.string());
  }
  v1::Fact fact;
  const auto loaded = store_->load(
      [&](const v1::BaselineFact& baseline) {
        *fact.mutable_baseline() = baseline;
        feed(fact);
      },
      [&](const v1::BehaviourFact& behaviour) {
        *fact.mutable_behaviour() = behaviour;
        feed(fact);
      });
  return loaded;
}

void LiveAgent::feed_seeds() {
  const Seeds seeds = take_seeds({.proc = "/proc", .cgroup_root = config_.cgroup_root.string()});
  v1::Fact fact;
  for (const auto& cgroup : seeds.cgroups) {
    *fact.mutable_cgroup() = cgroup;
    feed(fact);
    books_.open(cgroup.id());
  }
  for (const auto& process : seeds.processes) {
    *fact.mutable_process() = process;
    feed(fact);
  }
  spdlog::info("seen at start cgroups={} processes={} skipped={}", seeds.cgroups.size(),
               seeds.processes.size(), seeds.skipped);
}

void LiveAgent::start_volumes() {
  VolumeSettings settings;
  settings.kubelet_root = config_.kubelet_root.string();
  settings.generation = [this](std::uint32_t device) { return sensor_.volume_generation(device); };
  auto volumes = MountedVolumes::open(std::move(settings));
  if (!volumes) {
    volumes_missing_ = volumes.error().message;
    spdlog::warn("volumes not watched error=\"{}\"", volumes_missing_);
    return;
  }
  for (const auto& fact : volumes->scan({})) feed(fact);
  volumes_ = std::make_unique<VolumeWatch>(std::move(*volumes), facts_);
}

void LiveAgent::start_sources() {
  containers_ = std::make_unique<ContainerLookUps>(ContainerSettings{
      .cri_socket = config_.cri_socket,
      .runtime_state = config_.runtime_state,
      .cgroup_root = config_.cgroup_root,
      .deadline = config_.identity_deadline,
      .answer = [this](v1::Fact fact) {
        if (volumes_ != nullptr && fact.has_container() && !fact.container().pod_uid().empty()) {
          volumes_->pass(std::move(fact));
        } else {
          facts_.push(std::move(fact));
        }
      }});
  containers_->ask_all();
}

LocalAnswers LiveAgent::answers() {
  LocalAnswers answers;
  answers.top = [this](const v1::TopRequest&) { return pipeline_->top(); };
  answers.findings = [this](const v1::FindingsRequest& request) {
    return delivery_->select(request);
  };
  answers.baseline = [this](const v1::BaselineRequest& request) {
    return pipeline_->baseline(request.identity());
  };
  answers.coverage = [this](const v1::CoverageRequest&) {
    read_books();
    auto reply = pipeline_->coverage();
    complete_coverage(sensor_.probes(), live_state(), reply);
    (*reply.mutable_counters())["verdicts"] = known_.size();
    (*reply.mutable_counters())["verdicts_evicted"] = known_.evicted();
    return reply;
  };
  answers.doctor = [this](const v1::DoctorRequest&) {
    return doctor_view(sensor_.probes(), live_state());
  };
  answers.post = [this](Job job) { return jobs_.push(std::move(job)); };
  return answers;
}

/// Every fact goes this way: recorded, consumed, and, for a volume, told to the kernel.
void LiveAgent::feed(const v1::Fact& fact) {
  if (recorder_ != nullptr) recorder_->fact(fact);
  pipeline_->on_fact(fact);
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

void LiveAgent::on_record(std::span<const std::byte> record) {
  // The ring's bytes stay the kernel's; a longer record is cut and then refused by the decoder.
  const auto size = std::min(record.size(), record_.size());
  std::memcpy(record_.data(), record.data(), size);
  const std::span<std::byte> own(record_.data(), size);
  masked_bytes_ += redact_record(own, redactor_);
  if (recorder_ != nullptr) recorder_->record(own);
  pipeline_->on_record(own);
  ++records_;
}

void LiveAgent::run(int stop_fd) {
  bool stopping = false;
  while (!stopping) {
    std::array<pollfd, 3> waits{
        {{sensor_.epoll_fd(), POLLIN, 0}, {bell_.fd(), POLLIN, 0}, {stop_fd, POLLIN, 0}}};
    poll(waits.data(), waits.size(), kWakeMs);
    stopping = (waits[2].revents & POLLIN) != 0;
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
  const std::uint64_t before = records_;
  sensor_.poll(milliseconds(0), [this](auto record) { on_record(record); });
  bool busy = records_ != before;
  while (const auto fact = facts_.try_pop()) {
    feed(*fact);
    busy = true;
  }
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
  if (books_.due(now)) read_books();
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
  known_.harvest(boot_now_ns());
  books_.read();
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
  state.counters["facts_refused"] = facts_.refused();
  state.counters["questions_refused"] = jobs_.refused();
  state.counters["findings_failed"] = delivery_->failed();
  state.counters["cgroups_without_books"] = books_.refused();
  state.counters["programs_missed"] = sensor_.missed_runs();
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
  state.volumes_missing = volumes_missing_;
  return state;
}

void LiveAgent::stop_sources() {
  api_.reset();
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

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(const Config& config, Sensor sensor, bool overwrite) {
  auto agent = std::make_unique<LiveAgent>(config, std::move(sensor));
  if (auto done = agent->open(overwrite); !done) return done.error();
  return std::unique_ptr<Agent>(std::move(agent));
}

}  // namespace idtrail
