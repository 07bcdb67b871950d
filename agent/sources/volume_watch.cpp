// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/volume_watch.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

#include <poll.h>

namespace idtrail {
namespace {
/// A container's start changes the table dozens of times; one scan serves them all.
constexpr std::chrono::milliseconds kSettle{20};
}  // namespace

VolumeWatch::VolumeWatch(MountedVolumes volumes, RefusingQueue<v1::Fact>& facts)
    : volumes_(std::move(volumes)),
      facts_(facts),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void VolumeWatch::ask(std::uint32_t device) { asked_.push(device); }

void VolumeWatch::pass(v1::Fact container) { asked_.push(std::move(container)); }

void VolumeWatch::run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { bell_.ring(); });
  answer();
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> waits{{{volumes_.table_fd(), POLLPRI, 0}, {bell_.fd(), POLLIN, 0}}};
    if (poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    // The table first settles; whoever asks is served at once.
    if ((waits[1].revents & POLLIN) == 0) poll(&waits[1], 1, static_cast<int>(kSettle.count()));
    answer();
  }
}

void VolumeWatch::answer() {
  bell_.clear();
  VolumeQuestions asked;
  std::vector<v1::Fact> passed;
  while (auto question = asked_.try_pop()) {
    if (const auto* device = std::get_if<std::uint32_t>(&*question)) {
      asked.devices.insert(*device);
    } else {
      passed.push_back(std::get<v1::Fact>(std::move(*question)));
      asked.pods.insert(passed.back().container().pod_uid());
    }
  }
  for (auto& fact : volumes_.scan(asked)) facts_.push(std::move(fact));
  for (auto& fact : passed) facts_.push(std::move(fact));
}

}  // namespace idtrail
