// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/event.h"
#include "core/model/identity.h"
#include "core/model/subject.h"

namespace idtrail {

/// A credential file as the pipeline knows it: by volume, not by the path that was opened. What
/// only its name tells to be one lies in no volume, and then the path is what it is known by.
struct Credential {
  std::string kind;            // service-account-token, secret, csi; ssh-key and its like
  std::string volume;          // kube-api-access-x7k2p; empty: in none
  std::string file;            // name in the volume, whatever `..data` directory it lies in; path
  std::string namespace_name;  // of the pod that owns the volume; kUnknown where not stated
  std::string pod_name;
  std::string pod_uid;
  std::string service_account = kUnknown;
  std::string token_id;   // the JTI. The token itself is never kept.
  bool sensitive = true;  // false for ca.crt and namespace of a projected volume
};

/// Stable name of the volume over pods: kube-api-access-x7k2p is kube-api-access.
std::string_view volume_name(const Credential& credential);

/// Who did it. The pointers live at least until the pipeline has finished with the observation.
struct Who {
  const Identity* identity = nullptr;  // null: unresolved, or an event without an actor
  const Instance* instance = nullptr;
  std::uint64_t identity_id = 0;
  const Subject* subject = nullptr;
  ProcessKey process;
  ProcessKey tree;          // root of the process tree below the container's first process
  bool unresolved = false;  // the deadline passed before its container was known
};

/// The credential belongs to one pod and a process outside that pod reads it: another pod, or the
/// node. False where the owner or the reader is not known. Never learned from.
bool is_foreign_read(const Who& who, const Credential& credential);

enum class Family : std::uint8_t { kNone, kExec, kCredential, kDestination, kEntry, kSyscalls };
const char* family_name(Family family);
/// kNone for any other word.
Family family_of(std::string_view name);

enum class BaselineState : std::uint8_t { kCold, kLearning, kReady };
const char* state_name(BaselineState state);

/// How the behaviour relates to what is normal for the identity.
struct Novelty {
  Family family = Family::kNone;  // kNone: this event takes no part in a baseline
  BaselineState state = BaselineState::kCold;
  bool known = false;    // the baseline holds it
  bool learned = false;  // this observation put it there
  /// The acting tree is an exec session of a person or a tool: it entered the container, is not
  /// its first process, and its command is no learned exec probe. Never learned from.
  bool session = false;
  std::uint64_t behaviour = 0;  // hash of (family, subject, object)
};

/// An event with identity and novelty: what travels down the line.
struct Observation {
  Event event;
  Who who;
  Novelty novelty;
  const Credential* credential = nullptr;  // of a CredentialRead, where its volume is known
};

}  // namespace idtrail
