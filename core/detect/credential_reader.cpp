// SPDX-License-Identifier: Apache-2.0
#include "core/detect/credential_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/detect/describe.h"

namespace idtrail {
namespace {

/// Only the node's own programs: a container can call its binary /usr/bin/kubelet too.
bool is_declared_reader(const Who& who, const DetectorSettings& settings) {
  const IdentityKind kind = who.identity->kind;
  if (kind != IdentityKind::kHost && kind != IdentityKind::kUnit) return false;
  if (is_drift(who.subject->origin)) return false;
  const auto& readers = settings.credential_readers;
  return std::find(readers.begin(), readers.end(), who.subject->executable) != readers.end();
}

}  // namespace

ReadSuspicion judge_read(const Observation& seen, const DetectorSettings& settings) {
  const Who& who = seen.who;
  const bool is_read = std::holds_alternative<CredentialRead>(seen.event.body) &&
                       seen.credential != nullptr && seen.credential->sensitive;
  if (!is_read || who.unresolved || who.identity == nullptr || who.subject == nullptr ||
      who.subject->entry == Entry::kRuntime) {
    return ReadSuspicion::kNone;
  }
  if (is_foreign_read(who, *seen.credential)) {
    return is_declared_reader(who, settings) ? ReadSuspicion::kNone : ReadSuspicion::kForeign;
  }
  if (is_drift(who.subject->origin)) return ReadSuspicion::kDrift;
  if (in_session(seen)) return ReadSuspicion::kSession;
  const bool novel = seen.novelty.family == Family::kCredential &&
                     seen.novelty.state == BaselineState::kReady && !seen.novelty.known;
  return novel ? ReadSuspicion::kNovel : ReadSuspicion::kNone;
}

std::string read_phrase(const Observation& seen, ReadSuspicion suspicion) {
  const std::string program = program_name(*seen.who.subject);
  const std::string credential = credential_phrase(*seen.credential);
  switch (suspicion) {
    case ReadSuspicion::kForeign:
      return fmt::format("{} of {} read {} from outside that pod", program, place_text(seen.who),
                         credential);
    case ReadSuspicion::kDrift:
      return fmt::format("{}, which is not from the image ({}), read {}", program,
                         origin_name(seen.who.subject->origin), credential);
    case ReadSuspicion::kSession:
      return fmt::format("{} in an exec session read {}", program, credential);
    case ReadSuspicion::kNovel:
    case ReadSuspicion::kNone:
      break;
  }
  return fmt::format("{} read {} and never did before", display_name(*seen.who.subject),
                     credential);
}

}  // namespace idtrail
