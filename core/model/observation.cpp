// SPDX-License-Identifier: Apache-2.0
#include "core/model/observation.h"

namespace idtrail {

const char* family_name(Family family) {
  switch (family) {
    case Family::kNone:
      return "none";
    case Family::kExec:
      return "exec";
    case Family::kCredential:
      return "credential";
    case Family::kDestination:
      return "destination";
    case Family::kEntry:
      return "entry";
    case Family::kSyscalls:
      return "syscalls";
  }
  return "none";
}

Family family_of(std::string_view name) {
  for (const Family family : {Family::kExec, Family::kCredential, Family::kDestination,
                              Family::kEntry, Family::kSyscalls}) {
    if (name == family_name(family)) return family;
  }
  return Family::kNone;
}

const char* state_name(BaselineState state) {
  switch (state) {
    case BaselineState::kCold:
      return "cold";
    case BaselineState::kLearning:
      return "learning";
    case BaselineState::kReady:
      return "ready";
  }
  return "cold";
}

std::string_view volume_name(const Credential& credential) {
  // Only the service account admission controller makes up names; others are the pod author's.
  constexpr std::string_view kProjected = "kube-api-access-";
  std::string_view name = credential.volume;
  if (name.starts_with(kProjected)) name = name.substr(0, kProjected.size() - 1);
  return name;
}

bool is_foreign_read(const Who& who, const Credential& credential) {
  if (who.identity == nullptr || who.unresolved || credential.pod_uid.empty()) return false;
  const IdentityKind kind = who.identity->kind;
  if (kind == IdentityKind::kHost || kind == IdentityKind::kUnit) return true;
  return who.instance == nullptr || who.instance->pod_uid != credential.pod_uid;
}

}  // namespace idtrail
