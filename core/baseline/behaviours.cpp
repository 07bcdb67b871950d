// SPDX-License-Identifier: Apache-2.0
#include "core/baseline/behaviours.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "core/common/hash.h"
#include "core/common/text.h"
#include "core/model/destination.h"
#include "core/model/refs.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr std::size_t kTextMax = 256;  // bytes that one stored text of a workload may take

std::string cut(std::string text) {
  if (text.size() <= kTextMax) return text;
  text.resize(kTextMax);
  return valid_utf8(text) + "…";
}

bool is_own(const Who& who, const Credential& credential) {
  return who.instance != nullptr && !credential.pod_uid.empty() &&
         who.instance->pod_uid == credential.pod_uid;
}

std::string credential_text(const Who& who, const Credential& credential) {
  if (credential.volume.empty()) {
    return fmt::format("{} {}", printable(credential.kind), printable(credential.file));
  }
  std::string text = fmt::format("{} {}/{}", printable(credential.kind),
                                 printable(volume_name(credential)), printable(credential.file));
  if (!is_own(who, credential)) {
    text += fmt::format(" of {}/{}", printable(credential.namespace_name),
                        printable(credential.service_account));
  }
  return text;
}

std::uint64_t credential_key(const Who& who, const Credential& credential) {
  const std::uint64_t owner =
      is_own(who, credential)
          ? 0
          : hash_combine(hash64(credential.namespace_name), hash64(credential.service_account));
  const std::uint64_t file = hash_combine(hash64(volume_name(credential)), hash64(credential.file));
  return hash_combine(hash_combine(hash64(credential.kind), file), owner);
}

std::uint64_t syscall_key(const SystemCall& call) {
  return std::uint64_t{call.table} << 32U | call.number;
}

/// "openat", "32-bit openat", "x32 number 462".
std::string syscall_text(const SystemCall& call) {
  constexpr std::string_view kTables[] = {"", "32-bit ", "x32 "};
  const std::string_view table = kTables[call.table % std::size(kTables)];
  if (call.number == SYSCALL_LARGER) return fmt::format("{}number beyond the table", table);
  if (call.name.empty()) return fmt::format("{}number {}", table, call.number);
  return fmt::format("{}{}", table, call.name);
}

std::string destination_text(const Connect& connect) {
  const Destination to = destination_of(connect);
  if (to.reach != Reach::kLoopback) return display_name(to);
  return fmt::format("{} loopback:{}", protocol_name(to.protocol), to.port);
}

}  // namespace

Family family_of(const Event& event, const Credential* credential) {
  if (std::holds_alternative<Exec>(event.body)) return Family::kExec;
  if (std::holds_alternative<Connect>(event.body)) return Family::kDestination;
  if (std::holds_alternative<SystemCall>(event.body)) return Family::kSyscalls;
  const bool sensitive = credential != nullptr && credential->sensitive;
  return sensitive && std::holds_alternative<CredentialRead>(event.body) ? Family::kCredential
                                                                         : Family::kNone;
}

std::uint64_t behaviour_key(Family family, const Who& who, const Event& event,
                            const Credential* credential) {
  std::uint64_t key = 0;
  switch (family) {
    case Family::kExec:
      key = who.subject->hash;
      break;
    case Family::kCredential:
      key = hash_combine(who.subject->hash, credential_key(who, *credential));
      break;
    case Family::kDestination:
      key = destination_hash(destination_of(*std::get_if<Connect>(&event.body)));
      break;
    case Family::kSyscalls:
      key = syscall_key(*std::get_if<SystemCall>(&event.body));
      break;
    case Family::kNone:
    case Family::kEntry:
      return 0;
  }
  return hash_combine(static_cast<std::uint64_t>(family), key);
}

std::uint64_t entry_key(const Subject& subject) {
  return hash_combine(static_cast<std::uint64_t>(Family::kEntry), subject.entry_hash);
}

std::string object_text(Family family, const Who& who, const Event& event,
                        const Credential* credential) {
  switch (family) {
    case Family::kExec:
      return cut(program_name(*who.subject));
    case Family::kCredential:
      return cut(credential_text(who, *credential));
    case Family::kDestination:
      return destination_text(*std::get_if<Connect>(&event.body));
    case Family::kSyscalls:
      return syscall_text(*std::get_if<SystemCall>(&event.body));
    case Family::kNone:
    case Family::kEntry:
      break;
  }
  return {};
}

std::string entry_text(const Subject& subject) {
  std::string command = subject.entry_command;
  std::replace(command.begin(), command.end(), '\0', ' ');
  return cut(printable(command));
}

std::string behaviour_text(Family family, const Subject& subject, std::string_view object) {
  switch (family) {
    case Family::kExec:
      return display_name(subject);
    case Family::kCredential:
      return fmt::format("{} reads {}", display_name(subject), object);
    case Family::kEntry:
      return fmt::format("exec probe: {}", object);
    case Family::kDestination:
    case Family::kSyscalls:
    case Family::kNone:
      break;
  }
  return std::string(object);
}

std::string stored_subject(const Subject& subject) {
  v1::SubjectRef ref = to_ref(subject);
  ref.set_entry_command(cut(ref.entry_command()));
  return ref.SerializeAsString();
}

bool may_be(const Subject& partly_seen, const v1::SubjectRef& stored) {
  const auto agrees = [](const std::string& seen, const std::string& kept) {
    return seen.empty() || valid_utf8(seen) == kept;
  };
  const auto& ancestors = partly_seen.lineage;
  const auto& kept = stored.lineage();
  return !partly_seen.executable.empty() && agrees(partly_seen.executable, stored.executable()) &&
         agrees(partly_seen.applet, stored.applet()) &&
         agrees(partly_seen.script, stored.script()) &&
         ancestors.size() <= static_cast<std::size_t>(kept.size()) &&
         std::equal(ancestors.begin(), ancestors.end(), kept.begin(), agrees);
}

}  // namespace idtrail
