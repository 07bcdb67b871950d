// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/pod.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "tests/rig/file.h"

namespace idtrail::rig {

namespace fs = std::filesystem;

namespace {

bool by_systemd(const Node& node) { return node.cgroup_driver == "systemd"; }

/// As the kubelet names it: in a slice's name a dash means a level.
std::string slice_of(std::string uid) {
  std::ranges::replace(uid, '-', '_');
  return "kubepods-burstable-pod" + uid + ".slice";
}

std::string cgroup_of(const Node& node, const std::string& uid) {
  if (by_systemd(node)) return "/kubepods.slice/kubepods-burstable.slice/" + slice_of(uid);
  const std::string parent = node.cgroup_parent == "/" ? "" : node.cgroup_parent;
  return parent + "/kubepods/burstable/pod" + uid;
}

std::string cgroup_of_container(const Node& node, const std::string& uid, const std::string& id) {
  return cgroup_of(node, uid) + (by_systemd(node) ? "/cri-containerd-" + id + ".scope" : "/" + id);
}

std::string now_rfc3339() {
  const std::time_t now = std::time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000000000Z", &parts);
  return text;
}

cri::PodSandboxConfig sandbox_config(const Node& node, const PodSpec& spec) {
  cri::PodSandboxConfig config;
  auto& metadata = *config.mutable_metadata();
  metadata.set_name(spec.bearer.pod);
  metadata.set_namespace_(spec.bearer.namespace_name);
  metadata.set_uid(spec.bearer.pod_uid);
  if (!spec.host_network) config.set_hostname(spec.bearer.pod);

  auto& labels = *config.mutable_labels();
  labels.insert(spec.labels.begin(), spec.labels.end());
  labels["io.kubernetes.pod.name"] = spec.bearer.pod;
  labels["io.kubernetes.pod.namespace"] = spec.bearer.namespace_name;
  labels["io.kubernetes.pod.uid"] = spec.bearer.pod_uid;

  auto& annotations = *config.mutable_annotations();
  annotations.insert(spec.annotations.begin(), spec.annotations.end());
  annotations["kubernetes.io/config.seen"] = now_rfc3339();
  annotations["kubernetes.io/config.source"] = "api";

  config.mutable_linux()->set_cgroup_parent(
      by_systemd(node) ? slice_of(spec.bearer.pod_uid) : cgroup_of(node, spec.bearer.pod_uid));
  auto& namespaces =
      *config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
  namespaces.set_network(spec.host_network ? cri::NODE : cri::POD);
  namespaces.set_pid(cri::CONTAINER);
  return config;
}

/// The kubelet makes the file below the pod's folder; a container without one ends up with none.
Result<void> add_mounts(const Node& node, const PodSpec& spec, const fs::path& token_volume,
                        cri::ContainerConfig& config) {
  auto& token = *config.add_mounts();
  token.set_container_path(kTokenMount);
  token.set_host_path(token_volume.string());
  token.set_readonly(true);

  const fs::path hosts = node.kubelet_root / "pods" / spec.bearer.pod_uid / "etc-hosts";
  const std::string text = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n";
  auto written = write_file(hosts, text, 0644, static_cast<gid_t>(-1));
  if (!written) return written;
  auto& mount = *config.add_mounts();
  mount.set_container_path("/etc/hosts");
  mount.set_host_path(hosts.string());
  return {};
}

cri::ContainerConfig container_config(const PodSpec& spec) {
  cri::ContainerConfig config;
  config.mutable_metadata()->set_name(spec.container);
  config.mutable_image()->set_image(spec.image);
  config.mutable_command()->Assign(spec.argv.begin(), spec.argv.end());
  for (const auto& [name, value] : spec.environment) {
    auto& variable = *config.add_envs();
    variable.set_key(name);
    variable.set_value(value);
  }
  auto& labels = *config.mutable_labels();
  labels["io.kubernetes.container.name"] = spec.container;
  labels["io.kubernetes.pod.name"] = spec.bearer.pod;
  labels["io.kubernetes.pod.namespace"] = spec.bearer.namespace_name;
  labels["io.kubernetes.pod.uid"] = spec.bearer.pod_uid;
  auto& annotations = *config.mutable_annotations();
  annotations["io.kubernetes.container.restartCount"] = "0";
  annotations["io.kubernetes.container.terminationMessagePath"] = "/dev/termination-log";
  annotations["io.kubernetes.pod.terminationGracePeriod"] = "30";
  auto& security = *config.mutable_linux()->mutable_security_context();
  security.mutable_namespace_options()->set_network(spec.host_network ? cri::NODE : cri::POD);
  security.mutable_namespace_options()->set_pid(cri::CONTAINER);
  if (spec.user) security.mutable_run_as_user()->set_value(*spec.user);
  if (spec.fs_group) security.add_supplemental_groups(*spec.fs_group);
  return config;
}

Result<nlohmann::json> fill_sandbox(CriClient& runtime, const Node& node, const PodSpec& spec,
                                    const std::string& sandbox, const cri::PodSandboxConfig& pod,
                                    const Volume& volume) {
  auto config = container_config(spec);
  if (auto added = add_mounts(node, spec, volume.path, config); !added) return added.error();
  auto container = runtime.start_container(sandbox, pod, config);
  if (!container) return container.error();
  auto pod_status = runtime.sandbox_status(sandbox);
  if (!pod_status) return pod_status.error();
  auto status = runtime.container_status(*container);
  if (!status) return status.error();
  return nlohmann::json{{"pod", spec.bearer.pod},
                        {"namespace", spec.bearer.namespace_name},
                        {"uid", spec.bearer.pod_uid},
                        {"sandbox_id", sandbox},
                        {"container_id", *container},
                        {"ip", pod_status->network().ip()},
                        {"image_id", status->image_ref()},
                        {"cgroup", cgroup_of_container(node, spec.bearer.pod_uid, *container)},
                        {"volume", volume.path.string()},
                        {"jti", volume.jti}};
}

/// Innermost first; a cgroup that is still busy stays.
void remove_cgroup(const std::string& cgroup) {
  std::error_code error;
  // /sys/fs/cgroup itself in version 2, its children in a hybrid hierarchy.
  rmdir(("/sys/fs/cgroup" + cgroup).c_str());
  for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup", error)) {
    rmdir((hierarchy.path().string() + cgroup).c_str());
  }
}

}  // namespace

Result<nlohmann::json> create_pod(CriClient& runtime, const Node& node, const PodSpec& spec) {
  auto volume = create_volume(node.kubelet_root, spec.bearer, spec.fs_group);
  if (!volume) return volume.error();
  const auto pod = sandbox_config(node, spec);
  auto sandbox = runtime.run_sandbox(pod);
  if (!sandbox) {
    (void)delete_volumes(node.kubelet_root, spec.bearer.pod_uid);
    return sandbox.error();
  }
  auto result = fill_sandbox(runtime, node, spec, *sandbox, pod, *volume);
  if (!result) {
    (void)runtime.remove_sandbox(*sandbox);
    (void)delete_volumes(node.kubelet_root, spec.bearer.pod_uid);
  }
  return result;
}

Result<void> delete_pod(CriClient& runtime, const Node& node, const cri::PodSandbox& sandbox) {
  if (auto removed = runtime.remove_sandbox(sandbox.id()); !removed) return removed;
  remove_cgroup(cgroup_of(node, sandbox.metadata().uid()));
  return delete_volumes(node.kubelet_root, sandbox.metadata().uid());
}

Result<cri::PodSandbox> find_pod(CriClient& runtime, const std::string& namespace_name,
                                 const std::string& name) {
  auto pods = runtime.list_sandboxes();
  if (!pods) return pods.error();
  for (auto& pod : *pods) {
    if (pod.metadata().namespace_() == namespace_name && pod.metadata().name() == name)
      return std::move(pod);
  }
  return Error{Errc::kNotFound, fmt::format("no pod {}/{}; `idtrail-rig pod list` shows them",
                                            namespace_name, name)};
}

Result<std::string> find_container(CriClient& runtime, const std::string& sandbox,
                                   const std::string& name) {
  auto containers = runtime.list_containers(sandbox);
  if (!containers) return containers.error();
  for (const auto& container : *containers) {
    const bool wanted = name.empty() || container.metadata().name() == name;
    if (wanted && container.state() == cri::CONTAINER_RUNNING) return container.id();
  }
  return Error{Errc::kNotFound,
               fmt::format("no running container '{}' in sandbox {}", name, sandbox)};
}

}  // namespace idtrail::rig
