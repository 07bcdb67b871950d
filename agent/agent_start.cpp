// SPDX-License-Identifier: Apache-2.0
// What comes before the loop, in order: outputs, the store, what stands already, sources.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "agent/live_agent.h"

namespace idtrail {

Result<void> LiveAgent::open(bool overwrite) {
  if (auto done = open_outputs(overwrite); !done) return done;
  if (!config_.socket.empty()) {
    auto api = LocalApi::open(config_.socket, answers());
    if (!api) return api.error();
    api_ = std::move(*api);
  }
  if (!config_.metrics_listen.empty()) {
    auto metrics = MetricsPage::open(config_.metrics_listen, answers());
    // A sensor without its page is worth more than none.
    if (!metrics) spdlog::warn("no metrics page error=\"{}\"", metrics.error().message);
    if (metrics) metrics_ = std::move(*metrics);
  }
  if (auto done = feed_store(); !done) return done;
  feed_gap();
  const Seeds seeds = feed_seeds();
  start_volumes();
  feed_descriptors(seeds);
  start_sources();
  return {};
}

Result<void> LiveAgent::open_outputs(bool overwrite) {
  auto delivery = Delivery::open(config_, [this](auto count) { sensor_.note_delivered(count); });
  if (!delivery) return delivery.error();
  delivery_ = std::move(*delivery);
  v1::SnapshotFact snapshot = take_snapshot(config_, sensor_.probes());
  snapshot.set_agent_tgid(static_cast<std::uint32_t>(getpid()));
  snapshot.set_self_test_tgid(guard_.helper_tgid());
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

/// After the store: what was not seen is a hole in the baselines that it holds.
void LiveAgent::feed_gap() {
  const auto gap = absence_of(sensor_.takeover(), sensor_.probes());
  if (!gap) return;
  v1::Fact fact;
  *fact.mutable_gap() = *gap;
  feed(fact);
  gap_ = gap->text();
  spdlog::warn("time not covered gap=\"{}\"", gap_);
}

Seeds LiveAgent::feed_seeds() {
  Seeds seeds = take_seeds({.proc = "/proc", .cgroups = sensor_.hierarchy()});
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
  return seeds;
}

/// After the volumes, so that what is held open in one has its name at once.
void LiveAgent::feed_descriptors(const Seeds& seeds) {
  const auto generation = [this](std::uint32_t device) {
    return sensor_.volume_generation(device);
  };
  const OpenDescriptors open =
      open_descriptors(seeds.processes, {.now_boot_ns = boot_now_ns(), .generation = generation});
  for (const auto& record : open.records) on_record(record);
  spdlog::info("open at start files_and_connections={} skipped={}", open.records.size(),
               open.skipped);
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
      .podman_storage = config_.podman_storage,
      .cgroup_root = sensor_.hierarchy().root,
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
    auto& counters = *reply.mutable_counters();
    counters["verdicts"] = known_.size();
    counters["verdicts_evicted"] = known_.evicted();
    counters["self_tests_passed"] = guard_.tests_passed();
    counters["ring_urgent_bytes"] = sensor_.waiting().urgent;
    counters["ring_bulk_bytes"] = sensor_.waiting().bulk;
    return reply;
  };
  answers.doctor = [this](const v1::DoctorRequest&) {
    return doctor_view(sensor_.probes(), live_state());
  };
  answers.post = [this](Job job) { return jobs_.push(std::move(job)); };
  return answers;
}

}  // namespace idtrail
