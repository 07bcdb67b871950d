// SPDX-License-Identifier: Apache-2.0
// idtrail-rig: a fake kubelet for tests. It makes real pods on a real container runtime, with the
// volumes, tokens, labels and cgroups that the kubelet gives them.
#include <cstdio>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/rig/file.h"
#include "tests/rig/pod.h"

namespace {

using namespace idtrail;       // NOLINT(google-build-using-namespace)
using namespace idtrail::rig;  // NOLINT(google-build-using-namespace)

constexpr int kFailed = 125;  // ours; an exec ends with the code of the command

struct Options {
  Node node{"idtrail-node", "/var/lib/kubelet", "/"};
  std::string socket = "/run/containerd/containerd.sock";
  long patience_s = 120;
  PodSpec spec;
  std::vector<std::string> labels, annotations, environment;
  long fs_group = -1, user = -1;
  bool all = false;
};

std::map<std::string, std::string> pairs(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> map;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    map[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return map;
}

int fail(const Error& error) {
  fmt::print(stderr, "idtrail-rig: {}\n", error.message);
  return kFailed;
}
int print(const nlohmann::json& json) {
  fmt::print("{}\n", json.dump());
  return 0;
}

CriClient runtime(const Options& options) {
  return CriClient(options.socket, std::chrono::seconds(options.patience_s));
}

void complete(Options& options) {
  auto& spec = options.spec;
  spec.bearer.node = options.node.name;
  spec.labels = pairs(options.labels);
  spec.annotations = pairs(options.annotations);
  spec.environment = pairs(options.environment);
  if (spec.bearer.pod_uid.empty()) spec.bearer.pod_uid = random_uuid();
  if (options.fs_group >= 0) spec.fs_group = static_cast<gid_t>(options.fs_group);
  if (options.user >= 0) spec.user = static_cast<uid_t>(options.user);
}

int pod_create(Options& options) {
  complete(options);
  auto client = runtime(options);
  auto made = create_pod(client, options.node, options.spec);
  return made ? print(*made) : fail(made.error());
}

int pod_exec(Options& options) {
  auto client = runtime(options);
  auto pod = find_pod(client, options.spec.bearer.namespace_name, options.spec.bearer.pod);
  if (!pod) return fail(pod.error());
  auto container = find_container(client, pod->id(), options.spec.container);
  if (!container) return fail(container.error());
  auto result = client.exec(*container, options.spec.argv);
  if (!result) return fail(result.error());
  std::fwrite(result->stdout().data(), 1, result->stdout().size(), stdout);
  std::fwrite(result->stderr().data(), 1, result->stderr().size(), stderr);
  return result->exit_code();
}

int pod_delete(Options& options) {
  auto client = runtime(options);
  auto pods = client.list_sandboxes();
  if (!pods) return fail(pods.error());
  const auto& wanted = options.spec.bearer;
  int found = 0, status = 0;
  for (const auto& pod : *pods) {
    const auto& metadata = pod.metadata();
    if (!options.all &&
        (metadata.name() != wanted.pod || metadata.namespace_() != wanted.namespace_name))
      continue;
    ++found;
    if (auto done = delete_pod(client, options.node, pod); !done) status = fail(done.error());
  }
  if (found == 0 && !options.all) {
    return fail({Errc::kNotFound, fmt::format("no pod {}/{}", wanted.namespace_name, wanted.pod)});
  }
  return status;
}

int pod_list(Options& options) {
  auto client = runtime(options);
  auto pods = client.list_sandboxes();
  if (!pods) return fail(pods.error());
  auto list = nlohmann::json::array();
  for (const auto& pod : *pods) {
    const auto& metadata = pod.metadata();
    list.push_back({{"namespace", metadata.namespace_()},
                    {"pod", metadata.name()},
                    {"uid", metadata.uid()},
                    {"sandbox_id", pod.id()},
                    {"ready", pod.state() == cri::SANDBOX_READY}});
  }
  return print(list);
}

int volume_create(Options& options) {
  complete(options);
  auto made = create_volume(options.node.kubelet_root, options.spec.bearer, options.spec.fs_group);
  if (!made) return fail(made.error());
  return print(
      {{"uid", options.spec.bearer.pod_uid}, {"volume", made->path.string()}, {"jti", made->jti}});
}

int volume_rotate(Options& options) {
  auto made = rotate_volume(options.node.kubelet_root, options.spec.bearer.pod_uid);
  if (!made) return fail(made.error());
  return print(
      {{"uid", options.spec.bearer.pod_uid}, {"volume", made->path.string()}, {"jti", made->jti}});
}

int volume_delete(Options& options) {
  auto done = delete_volumes(options.node.kubelet_root, options.spec.bearer.pod_uid);
  return done ? 0 : fail(done.error());
}

/// `rest` holds what follows `--`: CLI11 has no option for it.
void add_bearer(CLI::App& command, Options& options, bool uid_needed) {
  auto& bearer = options.spec.bearer;
  command.add_option("--namespace,-n", bearer.namespace_name, "namespace")->default_str("default");
  command.add_option("--uid", bearer.pod_uid, "pod uid; made up if absent")->required(uid_needed);
  command.add_option("--service-account", bearer.service_account, "service account");
  command.add_option("--fs-group", options.fs_group, "group that may read the token");
}

void add_pod_commands(CLI::App& app, Options& options, std::function<int(Options&)>& chosen) {
  auto& bearer = options.spec.bearer;
  auto* pod = app.add_subcommand("pod", "pods on the container runtime")->require_subcommand(1);

  auto* create = pod->add_subcommand("create", "make a pod; its program and arguments follow --");
  add_bearer(*create, options, false);
  create->add_option("--name,--pod", bearer.pod, "pod name")->required();
  create->add_option("--label", options.labels, "k=v, may be repeated")->allow_extra_args(false);
  create->add_option("--annotation", options.annotations, "k=v, may be repeated")
      ->allow_extra_args(false);
  create->add_option("--container", options.spec.container, "container name")->required();
  create->add_option("--image", options.spec.image, "image")->required();
  create->add_option("--env", options.environment, "K=V, may be repeated")->allow_extra_args(false);
  create->add_option("--user", options.user, "uid to run as");
  create->add_flag("--host-network", options.spec.host_network, "the node's network");
  create->add_option("argv", options.spec.argv, "program and arguments");
  create->callback([&] { chosen = pod_create; });

  auto* exec = pod->add_subcommand("exec", "run a command in a container; ends with its exit code");
  exec->add_option("--namespace,-n", bearer.namespace_name, "namespace");
  exec->add_option("--pod,--name", bearer.pod, "pod name")->required();
  exec->add_option("--container", options.spec.container, "container name");
  exec->add_option("argv", options.spec.argv, "program and arguments")->required();
  exec->callback([&] { chosen = pod_exec; });

  auto* remove = pod->add_subcommand("delete", "remove a pod, its volume and its cgroup");
  remove->add_option("--namespace,-n", bearer.namespace_name, "namespace");
  remove->add_option("--name,--pod", bearer.pod, "pod name");
  remove->add_flag("--all", options.all, "every pod of the runtime");
  remove->callback([&] { chosen = pod_delete; });

  pod->add_subcommand("list", "all pods, as JSON")->callback([&] { chosen = pod_list; });
}

void add_volume_commands(CLI::App& app, Options& options, std::function<int(Options&)>& chosen) {
  auto* volume =
      app.add_subcommand("volume", "token volumes, with or without a pod")->require_subcommand(1);
  auto* create = volume->add_subcommand("create", "make a token volume without a pod");
  add_bearer(*create, options, false);
  create->add_option("--name,--pod", options.spec.bearer.pod, "pod name in the token");
  create->callback([&] { chosen = volume_create; });
  auto* rotate = volume->add_subcommand("rotate", "write a new token, as the kubelet does");
  rotate->add_option("--uid", options.spec.bearer.pod_uid, "pod uid")->required();
  rotate->callback([&] { chosen = volume_rotate; });
  auto* remove = volume->add_subcommand("delete", "unmount and remove the volumes of a pod");
  remove->add_option("--uid", options.spec.bearer.pod_uid, "pod uid")->required();
  remove->callback([&] { chosen = volume_delete; });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.spec.bearer.namespace_name = "default";
  options.spec.bearer.service_account = "default";
  std::function<int(Options&)> chosen;
  CLI::App app(
      "A fake kubelet: makes real pods on a container runtime, for tests.\n"
      "Example: idtrail-rig pod create --namespace shop --name cart-0 --service-account cart \\\n"
      "           --label app=cart --container cart --image localhost/app:1 -- /app/server",
      "idtrail-rig");
  app.require_subcommand(1);
  app.add_option("--socket", options.socket, "the runtime's socket")->envname("CONTAINERD_SOCKET");
  app.add_option("--kubelet-root", options.node.kubelet_root, "where pods/ is")
      ->envname("RIG_KUBELET_ROOT");
  app.add_option("--cgroup-parent", options.node.cgroup_parent, "where kubepods/ is")
      ->envname("RIG_CGROUP_PARENT");
  app.add_option("--cgroup-driver", options.node.cgroup_driver, "as the runtime's")
      ->check(CLI::IsMember({"cgroupfs", "systemd"}))
      ->envname("RIG_CGROUP_DRIVER");
  app.add_option("--node", options.node.name, "node name in tokens");
  app.add_option("--patience", options.patience_s, "seconds for the whole call");
  add_pod_commands(app, options, chosen);
  add_volume_commands(app, options, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kFailed;
  }
  return chosen(options);
}
