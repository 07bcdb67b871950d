// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kernel/sensor.h"
#include "agent/system_calls.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// Who sent a signal, as signalfd(2) tells.
struct SignalSender {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
};

/// Notices what is done to the agent: it is stopped or traced, its probes are taken off or not run,
/// its maps written.
/// Each finding out is a GapFact; a state that lasts is told once, and again when it has ended and
/// come back. Agent thread; time is CLOCK_BOOTTIME in nanoseconds.
class SelfWatch {
 public:
  static constexpr std::uint64_t kEveryNs = 10'000'000'000;
  /// The agent comes round once a second at least. A busy node may keep it from that for a while;
  /// this long is worth a word. A stop by signal is worth one much earlier.
  static constexpr std::uint64_t kDelayNs = 60'000'000'000;
  static constexpr std::uint64_t kStopNs = 1'500'000'000;
  /// A preemptible kernel leaves out runs now and then for ever: told at once, then not so soon.
  static constexpr std::uint64_t kMissedNs = 600'000'000'000;
  static constexpr std::uint64_t kAskMissedNs = 60'000'000'000;  // a call for each program

  /// What it looks at.
  struct Senses {
    std::function<std::vector<SensorDamage>()> damages;
    std::function<std::vector<MissedRuns>()> missed;
    std::function<std::uint32_t()> tracer;  // tgid; 0: none
    std::function<RefusedCalls()> refused;
    std::function<std::optional<SignalSender>()> continued;  // of the last SIGCONT, once
  };
  using Feed = std::function<void(const v1::Fact&)>;
  SelfWatch(Senses senses, Feed feed) : senses_(std::move(senses)), feed_(std::move(feed)) {}

  /// Once a round.
  void look(std::uint64_t now);

 private:
  struct Missed {
    std::uint64_t told = 0;
    std::uint64_t from = 0;   // until then, all that were missed are told
    std::uint64_t again = 0;  // not told before
  };
  void look_at_pause(std::uint64_t now);
  void look_around(std::uint64_t now);
  void look_at_missed_runs(std::uint64_t now);
  void tell(const char* cause, std::string_view object, std::string_view text, std::uint64_t from,
            std::uint64_t until);

  Senses senses_;
  Feed feed_;
  std::uint64_t last_round_ = 0;
  std::uint64_t last_look_ = 0;
  std::set<std::string> damaged_;  // what has been told and still stands; bounded by the sensor
  std::uint64_t asked_missed_ = 0;
  std::map<std::string, Missed> missed_;  // by hook
  std::uint32_t tracer_ = 0;
  std::uint64_t refused_ = 0;
};

/// The tgid that traces this process, of /proc/self/status; 0 where none does.
std::uint32_t tracer_of_self();

}  // namespace idtrail
