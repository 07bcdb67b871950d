// SPDX-License-Identifier: Apache-2.0
#include "agent/self_watch.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "agent/sources/file.h"

namespace idtrail {
namespace {

constexpr std::size_t kStatusMax = 64U << 10U;

}  // namespace

void SelfWatch::look(std::uint64_t now) {
  look_at_pause(now);
  if (last_look_ != 0 && now - last_look_ < kEveryNs) return;
  look_around(now);
  last_look_ = now;
}

void SelfWatch::look_at_pause(std::uint64_t now) {
  const std::uint64_t before = std::exchange(last_round_, now);
  if (before == 0 || now - before < kStopNs) return;
  if (const auto sender = senses_.continued()) {
    tell("agent-stopped", "agent",
         fmt::format("the agent was stopped; process {} of uid {} let it go on", sender->pid,
                     sender->uid),
         before, now);
  } else if (now - before >= kDelayNs) {
    tell("agent-delayed", "agent", "the agent did not get to run: starved, frozen or held", before,
         now);
  }
}

void SelfWatch::look_around(std::uint64_t now) {
  const std::uint64_t before = last_look_ != 0 ? last_look_ : now;
  std::set<std::string> damaged;
  for (const SensorDamage& damage : senses_.damages()) {
    std::string key = fmt::format("{} {}", damage.name, damage.what);
    if (!damaged_.contains(key)) {
      tell(damage.probe ? "probe-detached" : "map-changed", damage.name, damage.what, before, now);
    }
    damaged.insert(std::move(key));
  }
  damaged_ = std::move(damaged);
  look_at_missed_runs(now);

  const std::uint32_t tracer = senses_.tracer();
  if (tracer != 0 && tracer != tracer_) {
    tell("agent-traced", "agent", fmt::format("process {} traces the agent", tracer), before, now);
  }
  tracer_ = tracer;

  const RefusedCalls refused = senses_.refused();
  if (refused.count != refused_) {
    tell("call-refused", fmt::format("system call {}", refused.last),
         fmt::format("the agent made {} system calls that it never makes, the last of number {}",
                     refused.count - refused_, refused.last),
         before, now);
  }
  refused_ = refused.count;
  (void)senses_.continued();  // one that followed no stop says nothing of the next
}

/// What a program missed before this agent looked first is not of its time.
void SelfWatch::look_at_missed_runs(std::uint64_t now) {
  if (asked_missed_ != 0 && now - asked_missed_ < kAskMissedNs) return;
  asked_missed_ = now;
  for (const MissedRuns& missed : senses_.missed()) {
    Missed& known = missed_.try_emplace(missed.hook, Missed{.told = missed.count}).first->second;
    if (missed.count == known.told) {
      known.from = now;
    } else if (now >= known.again) {
      tell("runs-missed", missed.hook,
           fmt::format("the kernel left out {} runs of it: one was under way on that CPU",
                       missed.count - known.told),
           known.from, now);
      known = {.told = missed.count, .from = now, .again = now + kMissedNs};
    }
  }
}

void SelfWatch::tell(const char* cause, std::string_view object, std::string_view text,
                     std::uint64_t from, std::uint64_t until) {
  v1::Fact fact;
  v1::GapFact& gap = *fact.mutable_gap();
  gap.set_cause(cause);
  gap.set_object(std::string(object));
  gap.set_text(std::string(text));
  gap.set_from_boot_ns(from);
  gap.set_until_boot_ns(until);
  feed_(fact);
}

std::uint32_t tracer_of_self() {
  constexpr std::string_view kKey = "\nTracerPid:\t";
  const auto status = read_file("/proc/self/status", kStatusMax);
  if (!status) return 0;
  const auto at = status->find(kKey);
  std::uint32_t tracer = 0;
  if (at == std::string::npos) return 0;
  std::from_chars(status->data() + at + kKey.size(), status->data() + status->size(), tracer);
  return tracer;
}

}  // namespace idtrail
