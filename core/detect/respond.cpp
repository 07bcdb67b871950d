// SPDX-License-Identifier: Apache-2.0
#include "core/detect/respond.h"

#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "core/common/text.h"

namespace idtrail {
namespace {

// Denies all traffic of pods with the label, in both directions.
constexpr std::string_view kQuarantinePolicy =
    R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",)"
    R"("metadata":{"name":"idtrail-quarantine"},"spec":{"podSelector":)"
    R"({"matchLabels":{"idtrail.io/quarantine":"true"}},"policyTypes":["Ingress","Egress"]}})";

/// Names are the workload's choice: none may be empty or hold what printable() would change.
bool usable(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (name.empty() || name == "unknown" || printable(name) != name) return false;
  }
  return true;
}

std::string kubectl(const std::string& namespace_name, std::string_view rest) {
  return fmt::format("kubectl --namespace={} {}", shell_word(namespace_name), rest);
}

std::string pod_word(const std::string& pod) { return shell_word("pod/" + pod); }

void look_at_pod(const v1::Finding& finding, std::vector<std::string>& out) {
  const std::string& space = finding.identity().namespace_();
  const std::string pod = pod_word(finding.instance().pod());
  out.push_back(kubectl(space, fmt::format("get {} --output=yaml", pod)));
  out.push_back(kubectl(space, fmt::format("logs {} --container={} --timestamps --since=1h", pod,
                                           shell_word(finding.identity().container()))));
}

void quarantine_pod(const v1::Finding& finding, std::vector<std::string>& out) {
  const std::string& space = finding.identity().namespace_();
  out.push_back(fmt::format("echo {} | {}", shell_word(kQuarantinePolicy),
                            kubectl(space, "apply --filename=-")));
  out.push_back(kubectl(space, fmt::format("label {} --overwrite idtrail.io/quarantine=true",
                                           pod_word(finding.instance().pod()))));
}

/// Deleting the pod ends what its bound token can do; a secret has to be rotated by its owner.
void revoke_credential(const v1::CredentialRef& credential, std::vector<std::string>& out) {
  const std::string& space = credential.owner_namespace();
  if (!usable({space, credential.owner_pod()})) return;
  const std::string& account = credential.owner_service_account();
  if (credential.kind() == "service-account-token" && usable({account})) {
    const std::string user = fmt::format("system:serviceaccount:{}:{}", space, account);
    out.push_back(kubectl(space, fmt::format("auth can-i --list --as={}", shell_word(user))));
  } else if (usable({credential.volume()})) {
    const std::string path =
        fmt::format("{{.spec.volumes[?(@.name==\"{}\")]}}", credential.volume());
    out.push_back(kubectl(space, fmt::format("get {} --output=jsonpath={}",
                                             pod_word(credential.owner_pod()), shell_word(path))));
  }
  out.push_back(kubectl(space, fmt::format("delete {}", pod_word(credential.owner_pod()))));
}

void act_on_pod(const v1::Finding& finding, std::vector<std::string>& out) {
  const std::string& space = finding.identity().namespace_();
  const std::string& pod = finding.instance().pod();
  if (!usable({space, pod, finding.identity().container()})) return;
  look_at_pod(finding, out);
  quarantine_pod(finding, out);
  const v1::CredentialRef& credential = finding.object().credential();
  const bool owner_goes = credential.owner_namespace() == space && credential.owner_pod() == pod;
  if (!owner_goes) out.push_back(kubectl(space, fmt::format("delete {}", pod_word(pod))));
}

/// Without Kubernetes, and on the node itself, the process is what can be stopped at once.
void act_on_node(const v1::Finding& finding, std::vector<std::string>& out) {
  const v1::IdentityRef& identity = finding.identity();
  const std::uint32_t pid = finding.subject().pid();
  if (pid != 0) {
    out.push_back(fmt::format("ls -l /proc/{}/exe /proc/{}/cwd", pid, pid));
    out.push_back(fmt::format("kill -STOP {}", pid));
  }
  if (identity.kind() != "unit" || !usable({identity.owner_name()})) return;
  out.push_back(fmt::format("systemctl status -- {}", shell_word(identity.owner_name())));
  out.push_back(fmt::format("systemctl stop -- {}", shell_word(identity.owner_name())));
}

}  // namespace

std::vector<std::string> commands_for(const v1::Finding& finding) {
  std::vector<std::string> out;
  if (finding.identity().kind() == "pod") {
    act_on_pod(finding, out);
  } else {
    act_on_node(finding, out);
  }
  if (finding.object().has_credential()) revoke_credential(finding.object().credential(), out);
  return out;
}

}  // namespace idtrail
