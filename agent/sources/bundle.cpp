// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/bundle.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "agent/sources/file.h"

namespace idtrail {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxSpec = 4U << 20U;  // bytes
constexpr std::size_t kMaxText = 512;        // bytes of one annotation
constexpr std::size_t kMaxId = 128;          // bytes
constexpr int kMaxNamespaces = 64;

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  return found->get_ref<const std::string&>().substr(0, kMaxText);
}

v1::ContainerFact from_annotations(const json& annotations, const std::string& name_space) {
  const auto cri = [&](const std::string& key) {
    return text_at(annotations, ("io.kubernetes.cri." + key).c_str());
  };
  v1::ContainerFact fact;
  const std::string type = cri("container-type");
  fact.set_sandbox(type == "sandbox");
  fact.set_image(cri("image-name"));
  if (!type.empty()) {
    fact.set_namespace_(cri("sandbox-namespace"));
    fact.set_pod(cri("sandbox-name"));
    fact.set_pod_uid(cri("sandbox-uid"));
    fact.set_container(cri("container-name"));
    // The pod's labels are not in the bundle: the owner is not known, and not guessed.
    fact.set_owner_kind("Pod");
    fact.set_owner_name(fact.pod());
    return fact;
  }
  fact.set_namespace_(name_space);
  fact.set_owner_kind("Container");
  const std::string named = text_at(annotations, "nerdctl/name");
  if (!named.empty()) fact.set_owner_name(named);
  return fact;
}

}  // namespace

bool is_container_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxId && id.front() != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

std::optional<v1::ContainerFact> read_bundle(const fs::path& state,
                                             const std::string& container_id) {
  if (!is_container_id(container_id)) return std::nullopt;
  const fs::path tasks = state / "io.containerd.runtime.v2.task";
  std::error_code error;
  int seen = 0;
  for (fs::directory_iterator at(tasks, error), end; !error && at != end; at.increment(error)) {
    if (++seen > kMaxNamespaces) break;
    const auto spec = read_file((at->path() / container_id / "config.json").string(), kMaxSpec);
    if (!spec) continue;
    const json document = json::parse(*spec, nullptr, /*allow_exceptions=*/false);
    if (!document.is_object()) continue;  // half-written: the caller tries again
    const auto annotations = document.find("annotations");
    const bool annotated = annotations != document.end() && annotations->is_object();
    auto fact =
        from_annotations(annotated ? *annotations : json::object(), at->path().filename().string());
    fact.set_container_id(container_id);
    fact.set_found(true);
    fact.set_runtime("containerd");
    if (fact.owner_kind() == "Container") {
      if (fact.owner_name().empty()) fact.set_owner_name(container_id);
      fact.set_container(fact.owner_name());
    }
    return fact;
  }
  return std::nullopt;
}

}  // namespace idtrail
