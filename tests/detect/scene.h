// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/baseline/baselines.h"
#include "core/common/hash.h"
#include "core/detect/detector.h"
#include "core/detect/finding.h"
#include "core/model/observation.h"

// A small cluster for tests: pods, programs in them, and what they do, through baseline and
// detectors as the pipeline joins them. Time is a variable.
namespace idtrail::test {

struct Pod {
  Identity identity;
  Instance instance;
  std::uint64_t id = 0;
};

inline Pod make_pod(const std::string& owner, const std::string& suffix = "7d9-x2x") {
  Pod pod{.identity = {.kind = IdentityKind::kPod,
                       .cluster = "test",
                       .namespace_name = "shop",
                       .owner_kind = "Deployment",
                       .owner_name = owner,
                       .container = "server",
                       .service_account = owner},
          .instance = {.pod_name = owner + "-" + suffix,
                       .pod_uid = "uid-" + owner + "-" + suffix,
                       .node = "node-1",
                       .container_id = "c-" + owner + "-" + suffix,
                       .image = "shop/" + owner,
                       .image_digest = "sha256:1"}};
  pod.id = identity_id(pod.identity);
  return pod;
}

inline Pod make_host() {
  Pod host;
  host.identity.kind = IdentityKind::kHost;
  host.identity.cluster = "test";
  host.identity.owner_kind = "Host";
  host.identity.owner_name = host.instance.node = "node-1";
  host.id = identity_id(host.identity);
  return host;
}

inline Credential token_of(const Pod& pod) {
  return {.kind = "service-account-token",
          .volume = "kube-api-access-" + hex64(hash64(pod.instance.pod_uid)).substr(0, 5),
          .file = "token",
          .namespace_name = pod.identity.namespace_name,
          .pod_name = pod.instance.pod_name,
          .pod_uid = pod.instance.pod_uid,
          .service_account = pod.identity.service_account,
          .token_id = "jti-1"};
}

/// A process that acts. Copy it to make another one.
struct Actor {
  const Pod* pod = nullptr;
  Subject subject;
  ProcessKey process;
  ProcessKey tree;
};

inline std::uint32_t next_tgid() {
  static std::uint32_t tgid = 1000;
  return ++tgid;
}

/// A new process that is its own tree.
inline Actor starting(const Pod& pod, const std::string& executable, Entry entry,
                      BootTime started) {
  Actor actor;
  actor.pod = &pod;
  actor.subject.executable = executable;
  actor.subject.origin = Origin::kImage;
  actor.subject.entry = entry;
  actor.process = {next_tgid(), started};
  actor.tree = actor.process;
  seal(actor.subject);
  return actor;
}

/// The container's first process.
inline Actor app(const Pod& pod, const std::string& executable = "/app/server") {
  return starting(pod, executable, Entry::kContainer, boot_time(1));
}

/// A program that `parent` starts, in the parent's tree.
inline Actor child(const Actor& parent, const std::string& executable,
                   const std::string& applet = "") {
  Actor actor = parent;
  actor.subject.lineage.insert(actor.subject.lineage.begin(), parent.subject.executable);
  if (actor.subject.lineage.size() > 3) actor.subject.lineage.resize(3);
  actor.subject.executable = executable;
  actor.subject.applet = applet;
  actor.process = {next_tgid(), boot_time(2)};
  seal(actor.subject);
  return actor;
}

/// The same as a child of the container's first process: a tree of its own.
inline Actor subtree(const Actor& first, const std::string& executable,
                     const std::string& applet = "") {
  Actor actor = child(first, executable, applet);
  actor.tree = actor.process;
  return actor;
}

/// A command that comes from outside: kubectl exec, or an exec probe. Each call enters anew.
inline Actor entered(const Pod& pod, const std::string& executable, const std::string& command,
                     bool tty, BootTime started = boot_time(3)) {
  Actor actor = starting(pod, executable, Entry::kEntered, started);
  actor.subject.tty = tty;
  actor.subject.entry_command = command;
  actor.subject.entry_hash = hash_fields({executable, command});
  seal(actor.subject);
  return actor;
}

inline Actor with_origin(Actor actor, Origin origin) {
  actor.subject.origin = origin;
  seal(actor.subject);
  return actor;
}

struct To {
  std::string address;
  std::uint16_t port = 443;
  std::int32_t result = 0;
  std::uint16_t protocol = IPPROTO_TCP;
};

class Scene final : public FindingContext {
 public:
  explicit Scene(std::string_view detector = {}, BaselineSettings settings = default_settings(),
                 const DetectorSettings& detector_settings = {})
      : baselines(settings), findings_(detector_settings, *this) {
    for (const DetectorSpec& spec : detector_specs()) {
      if (spec.identifier == detector) detectors.push_back(spec.make(detector_settings));
    }
  }

  static BaselineSettings default_settings() {
    return {.clock = {}, .learning_window = std::chrono::hours(1)};
  }

  v1::BaselineDiff baseline_diff(const Observation& seen) const override {
    return baselines.diff(seen);
  }
  v1::Coverage coverage(const Observation& seen) const override {
    v1::Coverage coverage;
    coverage.set_complete(baselines.complete(seen.who.identity_id));
    return coverage;
  }

  void pass(std::chrono::nanoseconds time) { now += time; }
  /// Opens the identity's baseline and lets its learning window pass.
  void make_ready(const Actor& actor) {
    exec(actor);
    pass(std::chrono::hours(2));
  }

  std::vector<v1::Finding> exec(const Actor& actor, std::string_view arguments = "") {
    Exec body;
    body.path = body.filename = actor.subject.executable;
    body.cwd = "/";
    body.arguments = arguments;
    return run(actor, kExecKind, body);
  }
  std::vector<v1::Finding> read(const Actor& actor, const Credential& credential) {
    CredentialRead body;
    body.name = credential.file;
    return run(actor, kCredentialKind, body, &credential);
  }
  std::vector<v1::Finding> connect(const Actor& actor, const To& to) {
    Connect body;
    body.result = to.result;
    body.destination_port = to.port;
    body.protocol = to.protocol;
    const bool v6 = to.address.find(':') != std::string::npos;
    body.family = v6 ? AF_INET6 : AF_INET;
    inet_pton(body.family, to.address.c_str(), body.destination.data());
    return run(actor, kConnectKind, body);
  }

  std::vector<v1::Finding> call(const Actor& actor, std::uint16_t table, std::uint32_t number,
                                std::string_view name = {}) {
    SystemCall body;
    body.table = table;
    body.number = body.asked = number;
    body.name = name;
    return run(actor, kSyscallsKind, body);
  }
  std::vector<v1::Finding> use_privilege(const Actor& actor) {
    PrivilegeUse body;
    body.op = 1;
    return run(actor, kSetidKind, body);
  }
  std::vector<v1::Finding> use_privilege(const Actor& actor, std::uint16_t kind,
                                         const PrivilegeUse& use) {
    return run(actor, kind, use);
  }
  /// What the pipeline makes of a gap in what it sees of the pod.
  std::vector<v1::Finding> gap(const Pod& pod, const Gap& gap) {
    const Subject nobody;
    Observation seen;
    seen.event.at = gap.until;
    seen.event.body = gap;
    seen.who = {.identity = &pod.identity,
                .instance = &pod.instance,
                .identity_id = pod.id,
                .subject = &nobody,
                .process = {},
                .tree = {}};
    for (auto& detector : detectors) detector->inspect(seen, findings_);
    return findings_.take();
  }

  BootTime now = boot_time(1'000'000'000);
  Baselines baselines;
  std::vector<std::unique_ptr<Detector>> detectors;
  Novelty novelty;  // of the last event

 private:
  static constexpr std::uint16_t kExecKind = 3;
  static constexpr std::uint16_t kSyscallsKind = 25;
  static constexpr std::uint16_t kCredentialKind = 6;
  static constexpr std::uint16_t kConnectKind = 7;
  static constexpr std::uint16_t kSetidKind = 8;

  std::vector<v1::Finding> run(const Actor& actor, std::uint16_t kind, EventBody body,
                               const Credential* credential = nullptr) {
    Observation seen;
    seen.event.at = now;
    seen.event.process = actor.process;
    seen.event.tid = actor.process.tgid;
    seen.event.sequence = ++sequence_;
    seen.event.kind = kind;
    seen.event.body = std::move(body);
    seen.who = {.identity = &actor.pod->identity,
                .instance = &actor.pod->instance,
                .identity_id = actor.pod->id,
                .subject = &actor.subject,
                .process = actor.process,
                .tree = actor.tree};
    seen.credential = credential;
    seen.novelty = baselines.observe(seen.who, seen.event, credential);
    novelty = seen.novelty;
    for (auto& detector : detectors) detector->inspect(seen, findings_);
    return findings_.take();
  }

  Findings findings_;
  std::uint32_t sequence_ = 0;
};

}  // namespace idtrail::test
