// SPDX-License-Identifier: Apache-2.0
#include "agent/outbox.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace idtrail {
namespace {

constexpr std::chrono::milliseconds kStackDeadline{500};

}  // namespace

void Outbox::put(v1::Finding finding, const std::optional<StackKey>& read) {
  Made& made = made_.emplace_back(Made{.finding = std::move(finding)});
  if (!read) return;
  made.read = *read;
  made.until = std::get<BootTime>(*read) + kStackDeadline;
}

void Outbox::add_stack(const v1::StackFact& fact) {
  const StackKey read = stack_key(fact.tgid(), fact.tid(), boot_time(fact.boot_ns()));
  for (Made& made : made_) {
    if (made.until == BootTime{} || made.read != read) continue;
    made.until = {};
    auto& evidence = *made.finding.mutable_evidence(made.finding.evidence_size() - 1);
    *evidence.mutable_stack()->mutable_frames() = fact.frames();
  }
}

bool Outbox::awaits(const StackKey& read) const {
  return std::ranges::any_of(
      made_, [&](const Made& made) { return made.until != BootTime{} && made.read == read; });
}

void Outbox::finish() {
  for (Made& made : made_) made.until = {};
}

std::vector<v1::Finding> Outbox::take(BootTime now) {
  std::vector<v1::Finding> ready;
  while (!made_.empty() && made_.front().until <= now) {
    ready.push_back(std::move(made_.front().finding));
    made_.pop_front();
  }
  return ready;
}

}  // namespace idtrail
