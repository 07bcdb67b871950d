// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/containers.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "agent/sources/bundle.h"
#include "agent/sources/cgroups.h"
#include "agent/sources/libpod.h"

namespace idtrail {
namespace {

constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kMaxPause{500};
constexpr std::chrono::seconds kIdle{3600};
constexpr std::chrono::seconds kCriLinger{10};  // without a question, until the channel goes
constexpr std::chrono::seconds kCriPause{1};    // after a call that nobody answered
constexpr std::chrono::seconds kFirstReturn{
    1};  // until a silent runtime is asked for everything again
constexpr std::chrono::seconds kMaxReturn{30};
constexpr std::size_t kMaxWaiting = 4096;

v1::Fact as_fact(v1::ContainerFact container) {
  v1::Fact fact;
  *fact.mutable_container() = std::move(container);
  return fact;
}

}  // namespace

ContainerLookUps::ContainerLookUps(ContainerSettings settings)
    : settings_(std::move(settings)),
      cri_(settings_.cri_socket),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void ContainerLookUps::ask(std::string container_id) {
  asked_.push({.what = Question::What::kContainer, .container_id = std::move(container_id)});
}
void ContainerLookUps::ask_cgroup(std::uint64_t id) {
  asked_.push({.what = Question::What::kCgroup, .container_id = {}, .cgroup = id});
}
void ContainerLookUps::ask_all() {
  asked_.push({.what = Question::What::kAll, .container_id = {}});
}

std::string ContainerLookUps::missing() const {
  const std::lock_guard lock(missing_mutex_);
  return missing_;
}

void ContainerLookUps::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (const auto question = asked_.pop(stop, until_next())) {
      take(*question);
    } else if (waiting_.empty()) {
      cri_.rest();
    }
    while (const auto question = asked_.try_pop()) take(*question);
    if (!missing().empty() && Clock::now() >= all_again_) take_all();
    for (auto at = waiting_.begin(); at != waiting_.end() && !stop.stop_requested();) {
      const bool due = at->second.next <= Clock::now();
      if (due && try_answer(at->first, at->second)) {
        at = waiting_.erase(at);
        continue;
      }
      if (due) {
        at->second.pause = std::min(at->second.pause * 2, kMaxPause);
        at->second.next = Clock::now() + at->second.pause;
      }
      ++at;
    }
  }
}

void ContainerLookUps::take(const Question& question) {
  if (question.what == Question::What::kAll) return take_all();
  if (question.what == Question::What::kCgroup) return answer_cgroup(question.cgroup);
  if (waiting_.size() >= kMaxWaiting) return;
  const auto now = Clock::now();
  waiting_.try_emplace(question.container_id, Waiting{now, now, kFirstPause});
}

void ContainerLookUps::take_all() {
  const auto ids = cri_.ids();
  note(ids ? nullptr : &ids.error());
  if (!ids) {
    all_pause_ = std::clamp<std::chrono::milliseconds>(all_pause_ * 2, kFirstReturn, kMaxReturn);
    all_again_ = Clock::now() + all_pause_;
    return;
  }
  all_pause_ = {};
  for (const auto& id : *ids) take({.what = Question::What::kContainer, .container_id = id});
}

void ContainerLookUps::answer_cgroup(std::uint64_t id) {
  for (auto& cgroup : find_cgroup(settings_.cgroup_root.string(), id)) {
    v1::Fact fact;
    *fact.mutable_cgroup() = std::move(cgroup);
    settings_.answer(std::move(fact));
  }
}

bool ContainerLookUps::try_answer(const std::string& id, const Waiting& waiting) {
  const auto waited = Clock::now() - waiting.since;
  if (auto found = look(id, waited > settings_.deadline / 2)) {
    settings_.answer(as_fact(std::move(*found)));
    return true;
  }
  if (waited < settings_.deadline) return false;
  v1::ContainerFact unknown;
  unknown.set_container_id(id);
  settings_.answer(as_fact(std::move(unknown)));
  return true;
}

/// The CRI first: it alone has the pod's labels, thus the owner. A Kubernetes container's bundle
/// serves only where the CRI socket is silent or has not shown it for half of the deadline.
std::optional<v1::ContainerFact> ContainerLookUps::look(const std::string& id, bool late) {
  bool silent = true;
  if (Clock::now() >= cri_again_) {
    auto found = cri_.look_up(id);
    note(found ? nullptr : &found.error());
    if (found && *found) return std::move(**found);
    silent = !found;
    if (silent) cri_again_ = Clock::now() + kCriPause;
  }
  auto bundle = read_bundle(settings_.runtime_state, id);
  if (bundle && bundle->owner_kind() == "Pod" && !silent && !late) return std::nullopt;
  return bundle ? bundle : read_libpod(settings_.podman_storage, id);
}

/// Says once when the socket falls silent and once when it answers again; counts the rest.
void ContainerLookUps::note(const Error* error) {
  if (error != nullptr) failed_.fetch_add(1);
  const std::lock_guard lock(missing_mutex_);
  if (error != nullptr && missing_.empty()) {
    spdlog::warn(
        "container runtime silent socket={} error=\"{}\" effect=\"pods get their identity "
        "from the runtime's state, without owner\"",
        settings_.cri_socket.string(), error->message);
  }
  if (error == nullptr && !missing_.empty()) {
    spdlog::info("container runtime answers socket={}", settings_.cri_socket.string());
  }
  missing_ = error == nullptr ? "" : error->message;
}

std::chrono::nanoseconds ContainerLookUps::until_next() const {
  std::chrono::nanoseconds wait = cri_.rests() ? kIdle : kCriLinger;
  if (!missing().empty()) wait = all_again_ - Clock::now();
  for (const auto& [id, waiting] : waiting_) {
    wait = std::min<std::chrono::nanoseconds>(wait, waiting.next - Clock::now());
  }
  return std::max(wait, std::chrono::nanoseconds(0));
}

}  // namespace idtrail
