// SPDX-License-Identifier: Apache-2.0
#include "core/model/identity.h"

#include <string_view>

#include "core/common/hash.h"
#include "core/common/text.h"

namespace idtrail {

const char* kind_name(IdentityKind kind) {
  switch (kind) {
    case IdentityKind::kPod:
      return "pod";
    case IdentityKind::kContainer:
      return "container";
    case IdentityKind::kUnit:
      return "unit";
    case IdentityKind::kHost:
      return "host";
  }
  return kUnknown;
}

std::uint64_t identity_id(const Identity& identity) {
  return hash_fields({kind_name(identity.kind), identity.cluster, identity.namespace_name,
                      identity.owner_kind, identity.owner_name, identity.container,
                      identity.service_account});
}

std::string display_name(const Identity& identity) {
  std::string name;
  for (const std::string_view part :
       {std::string_view(identity.namespace_name), std::string_view(identity.owner_name),
        std::string_view(identity.container)}) {
    if (part.empty()) continue;
    if (!name.empty()) name += '/';
    name += printable(part);
  }
  return name.empty() ? kind_name(identity.kind) : name;
}

}  // namespace idtrail
