// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/libpod.h"

#include <nlohmann/json.hpp>

#include "agent/sources/bundle.h"
#include "agent/sources/file.h"

namespace idtrail {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxList = 16U << 20U;  // bytes; some 700 for each container
constexpr std::size_t kMaxSpec = 4U << 20U;   // bytes
constexpr std::size_t kMaxText = 512;         // bytes of one value
constexpr const char* kDrivers[] = {"overlay", "vfs", "btrfs", "zfs"};
constexpr const char* kSandbox = "io.kubernetes.cri-o.SandboxID";  // podman's too

json parse_file(const fs::path& path, std::size_t max) {
  const auto text = read_file(path.string(), max);
  return text ? json::parse(*text, nullptr, /*allow_exceptions=*/false) : json();
}

std::string text_at(const json& object, const char* key, std::size_t most = kMaxText) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  return found->get_ref<const std::string&>().substr(0, most);
}

json entry_of(const json& list, const std::string& id) {
  if (!list.is_array()) return {};
  for (const json& one : list) {
    if (text_at(one, "id") == id) return one;
  }
  return {};
}

json spec_of(const fs::path& containers, const std::string& id) {
  if (!is_container_id(id)) return {};
  return parse_file(containers / id / "userdata" / "config.json", kMaxSpec);
}

/// Its infrastructure container is called after the pod by its host name, and is its own sandbox.
void add_pod(const fs::path& containers, const std::string& id, v1::ContainerFact& fact) {
  const json spec = spec_of(containers, id);
  if (!spec.is_object() || !spec.contains("annotations")) return;
  const std::string sandbox = text_at(spec["annotations"], kSandbox);
  fact.set_sandbox(sandbox.empty() && fact.container().ends_with("-infra"));
  const std::string pod = fact.sandbox() ? text_at(spec, "hostname")
                                         : text_at(spec_of(containers, sandbox), "hostname");
  if (pod.empty()) return;
  fact.set_pod(pod);
  fact.set_owner_kind("Pod");
  fact.set_owner_name(pod);
}

}  // namespace

std::optional<v1::ContainerFact> read_libpod(const fs::path& storage,
                                             const std::string& container_id) {
  if (!is_container_id(container_id)) return std::nullopt;
  for (const char* driver : kDrivers) {
    const fs::path containers = storage / (std::string(driver) + "-containers");
    const json entry = entry_of(parse_file(containers / "containers.json", kMaxList), container_id);
    if (!entry.is_object()) continue;
    const json described =
        json::parse(text_at(entry, "metadata", kMaxSpec), nullptr, /*allow_exceptions=*/false);
    v1::ContainerFact fact;
    fact.set_container_id(container_id);
    fact.set_found(true);
    fact.set_runtime("podman");
    fact.set_namespace_("podman");
    fact.set_container(text_at(described, "name"));
    fact.set_image(text_at(described, "image-name"));
    fact.set_owner_kind("Container");
    fact.set_owner_name(fact.container().empty() ? container_id : fact.container());
    if (const std::string image = text_at(entry, "image"); !image.empty()) {
      fact.set_image_digest("sha256:" + image);
    }
    add_pod(containers, container_id, fact);
    return fact;
  }
  return std::nullopt;
}

}  // namespace idtrail
