// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "agent/sources/cri_client.h"
#include "agent/sources/queue.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

struct ContainerSettings {
  std::filesystem::path cri_socket;
  std::filesystem::path runtime_state;
  std::filesystem::path podman_storage{};
  std::filesystem::path cgroup_root;
  std::chrono::nanoseconds deadline{};  // after which a container counts as unknown
  /// Where answers go. The look-ups' thread.
  std::function<void(v1::Fact)> answer;
};

/// Looks containers up on a thread of its own, again and again until they are known or their
/// deadline has passed: a runtime may show a container only some time after its cgroup.
class ContainerLookUps {
 public:
  explicit ContainerLookUps(ContainerSettings settings);

  /// Never blocks; where the queue is full the question is counted and gone.
  void ask(std::string container_id);
  void ask_cgroup(std::uint64_t id);
  /// Every container that the runtime has at this moment.
  void ask_all();

  /// Empty where the CRI socket answers; else why it does not.
  [[nodiscard]] std::string missing() const;
  [[nodiscard]] std::uint64_t failed_calls() const { return failed_.load(); }
  [[nodiscard]] std::uint64_t refused() const { return asked_.refused(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Question {
    enum class What : std::uint8_t { kContainer, kCgroup, kAll } what = What::kContainer;
    std::string container_id;
    std::uint64_t cgroup = 0;
  };
  struct Waiting {
    Clock::time_point since;
    Clock::time_point next;
    std::chrono::milliseconds pause{};
  };

  void run(const std::stop_token& stop);
  void take(const Question& question);
  void take_all();
  void answer_cgroup(std::uint64_t id);
  /// True where the question is answered, by a container or by its deadline.
  bool try_answer(const std::string& id, const Waiting& waiting);
  std::optional<v1::ContainerFact> look(const std::string& id, bool late);
  void note(const Error* error);
  [[nodiscard]] std::chrono::nanoseconds until_next() const;

  ContainerSettings settings_;
  CriClient cri_;
  RefusingQueue<Question> asked_{4096};
  std::map<std::string, Waiting> waiting_;
  Clock::time_point cri_again_{};
  Clock::time_point all_again_{};  // while the runtime is silent
  std::chrono::milliseconds all_pause_{};
  std::atomic<std::uint64_t> failed_{0};
  mutable std::mutex missing_mutex_;
  std::string missing_;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace idtrail
