// SPDX-License-Identifier: Apache-2.0
#include "core/model/refs.h"

#include "core/common/hash.h"
#include "core/common/text.h"

namespace idtrail {

v1::IdentityRef to_ref(const Identity& identity) {
  v1::IdentityRef ref;
  ref.set_kind(kind_name(identity.kind));
  ref.set_cluster(valid_utf8(identity.cluster));
  ref.set_namespace_(valid_utf8(identity.namespace_name));
  ref.set_owner_kind(valid_utf8(identity.owner_kind));
  ref.set_owner_name(valid_utf8(identity.owner_name));
  ref.set_container(valid_utf8(identity.container));
  ref.set_service_account(valid_utf8(identity.service_account));
  ref.set_id(hex64(identity_id(identity)));
  return ref;
}

Identity from_ref(const v1::IdentityRef& ref) {
  Identity identity{.cluster = ref.cluster(),
                    .namespace_name = ref.namespace_(),
                    .owner_kind = ref.owner_kind(),
                    .owner_name = ref.owner_name(),
                    .container = ref.container(),
                    .service_account = ref.service_account()};
  for (const IdentityKind kind :
       {IdentityKind::kPod, IdentityKind::kContainer, IdentityKind::kUnit, IdentityKind::kHost}) {
    if (ref.kind() == kind_name(kind)) identity.kind = kind;
  }
  return identity;
}

std::uint64_t identity_id(const v1::IdentityRef& ref) {
  // Stated first: a name that was no UTF-8 has lost its bytes here, and with them its hash.
  if (const auto stated = parse_hex64(ref.id())) return *stated;
  return identity_id(from_ref(ref));
}

v1::InstanceRef to_ref(const Instance& instance) {
  v1::InstanceRef ref;
  ref.set_pod(valid_utf8(instance.pod_name));
  ref.set_pod_uid(valid_utf8(instance.pod_uid));
  ref.set_node(valid_utf8(instance.node));
  ref.set_container_id(valid_utf8(instance.container_id));
  ref.set_image(valid_utf8(instance.image));
  ref.set_image_digest(valid_utf8(instance.image_digest));
  return ref;
}

v1::SubjectRef to_ref(const Subject& subject) {
  v1::SubjectRef ref;
  ref.set_executable(valid_utf8(subject.executable));
  ref.set_applet(valid_utf8(subject.applet));
  ref.set_script(valid_utf8(subject.script));
  ref.set_origin(origin_name(subject.origin));
  ref.set_entry(entry_name(subject.entry));
  ref.set_tty(subject.tty);
  for (const std::string& ancestor : subject.lineage) ref.add_lineage(valid_utf8(ancestor));
  ref.set_lineage_complete(subject.lineage_complete);
  ref.set_entry_command(valid_utf8(subject.entry_command));
  return ref;
}

Subject from_ref(const v1::SubjectRef& ref) {
  Subject subject{.executable = ref.executable(),
                  .applet = ref.applet(),
                  .script = ref.script(),
                  .tty = ref.tty(),
                  .lineage_complete = ref.lineage_complete(),
                  .lineage = {ref.lineage().begin(), ref.lineage().end()},
                  .entry_command = ref.entry_command()};
  for (int origin = 0; origin <= static_cast<int>(Origin::kUnknown); ++origin) {
    if (ref.origin() == origin_name(static_cast<Origin>(origin))) {
      subject.origin = static_cast<Origin>(origin);
    }
  }
  for (int entry = 0; entry <= static_cast<int>(Entry::kUnknown); ++entry) {
    if (ref.entry() == entry_name(static_cast<Entry>(entry))) {
      subject.entry = static_cast<Entry>(entry);
    }
  }
  return subject;
}

v1::CredentialRef to_ref(const Credential& credential) {
  v1::CredentialRef ref;
  ref.set_kind(valid_utf8(credential.kind));
  ref.set_volume(valid_utf8(credential.volume));
  ref.set_file(valid_utf8(credential.file));
  ref.set_owner_namespace(valid_utf8(credential.namespace_name));
  ref.set_owner_pod(valid_utf8(credential.pod_name));
  ref.set_owner_pod_uid(valid_utf8(credential.pod_uid));
  ref.set_owner_service_account(valid_utf8(credential.service_account));
  ref.set_token_id(valid_utf8(credential.token_id));
  return ref;
}

}  // namespace idtrail
