// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/yaml.h>

#include "core/baseline/baselines.h"

namespace idtrail {
namespace {

void emit(YAML::Emitter& out, const char* key, const std::string& value) {
  out << YAML::Key << key << YAML::Value;
  // Digits and words such as "yes" stay text for every reader of the file.
  out << YAML::DoubleQuoted << value;
}

void emit_identity(YAML::Emitter& out, const v1::IdentityRef& identity) {
  out << YAML::Key << "identity" << YAML::Value << YAML::BeginMap;
  emit(out, "kind", identity.kind());
  emit(out, "cluster", identity.cluster());
  emit(out, "namespace", identity.namespace_());
  emit(out, "owner_kind", identity.owner_kind());
  emit(out, "owner_name", identity.owner_name());
  emit(out, "container", identity.container());
  emit(out, "service_account", identity.service_account());
  emit(out, "id", identity.id());
  out << YAML::EndMap;
}

void emit_behaviour(YAML::Emitter& out, const v1::Behaviour& behaviour) {
  out << YAML::BeginMap;
  emit(out, "family", behaviour.family());
  emit(out, "text", behaviour.text());
  emit(out, "object", behaviour.object());
  emit(out, "executable", behaviour.subject().executable());
  emit(out, "first_seen", behaviour.first_seen());
  emit(out, "last_seen", behaviour.last_seen());
  out << YAML::Key << "count" << YAML::Value << behaviour.count();
  emit(out, "image_digest", behaviour.image_digest());
  emit(out, "pod", behaviour.pod());
  out << YAML::EndMap;
}

}  // namespace

std::string to_yaml(std::span<const v1::BaselineView> views) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "baselines" << YAML::Value << YAML::BeginSeq;
  for (const v1::BaselineView& view : views) {
    out << YAML::BeginMap;
    emit_identity(out, view.identity());
    emit(out, "state", view.state());
    emit(out, "learning_since", view.learning_since());
    emit(out, "ready_since", view.ready_since());
    out << YAML::Key << "complete" << YAML::Value << view.complete();
    out << YAML::Key << "overflow" << YAML::Value << view.overflow();
    out << YAML::Key << "behaviours" << YAML::Value << YAML::BeginSeq;
    for (const v1::Behaviour& behaviour : view.behaviours()) emit_behaviour(out, behaviour);
    out << YAML::EndSeq << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::EndMap;
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace idtrail
