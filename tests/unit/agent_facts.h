// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "idtrail/recording.pb.h"

// Facts as the live sources give them.
namespace idtrail::testing {

inline v1::Fact cgroup_fact(std::uint64_t id, std::uint64_t parent, const std::string& path) {
  v1::Fact fact;
  fact.mutable_cgroup()->set_id(id);
  fact.mutable_cgroup()->set_parent_id(parent);
  fact.mutable_cgroup()->set_path(path);
  return fact;
}

inline v1::Fact container_fact(const std::string& id, const std::string& pod_uid,
                               const std::string& name = "app") {
  v1::Fact fact;
  v1::ContainerFact& container = *fact.mutable_container();
  container.set_container_id(id);
  container.set_found(true);
  container.set_container(name);
  container.set_image("registry.example/app:1");
  container.set_image_digest("sha256:11");
  container.set_runtime("containerd");
  if (pod_uid.empty()) return fact;
  container.set_namespace_("shop");
  container.set_pod("web-6d4cf56db6-x2x7k");
  container.set_pod_uid(pod_uid);
  container.set_owner_kind("Deployment");
  container.set_owner_name("web");
  return fact;
}

inline v1::Fact unknown_container_fact(const std::string& id) {
  v1::Fact fact;
  fact.mutable_container()->set_container_id(id);
  return fact;
}

/// A projected volume with a token and the CA's certificate; inode of the token as given.
inline v1::Fact token_volume_fact(std::uint32_t device, const std::string& pod_uid,
                                  std::uint64_t token_inode, int issue = 1,
                                  const std::string& account = "web-sa") {
  v1::Fact fact;
  v1::VolumeFact& volume = *fact.mutable_volume();
  volume.set_device(device);
  volume.set_credential(true);
  volume.set_kind("service-account-token");
  volume.set_volume("kube-api-access-x7k2p");
  volume.set_pod_uid(pod_uid);
  v1::VolumeFile& token = *volume.add_files();
  token.set_inode(token_inode);
  token.set_name("token");
  token.set_sensitive(true);
  v1::TokenClaims& claims = *token.mutable_claims();
  claims.set_subject("system:serviceaccount:shop:" + account);
  claims.set_namespace_("shop");
  claims.set_service_account(account);
  claims.set_pod("web-6d4cf56db6-x2x7k");
  claims.set_pod_uid(pod_uid);
  claims.set_token_id("f1b2c3d4-0000-4000-8000-00000000000" + std::to_string(issue % 10));
  v1::VolumeFile& ca = *volume.add_files();
  ca.set_inode(token_inode + 1);
  ca.set_name("ca.crt");
  return fact;
}

inline v1::Fact ordinary_volume_fact(std::uint32_t device) {
  v1::Fact fact;
  fact.mutable_volume()->set_device(device);
  return fact;
}

inline v1::Fact tick_fact(std::uint64_t boot_ns) {
  v1::Fact fact;
  fact.mutable_tick()->set_boot_ns(boot_ns);
  return fact;
}

struct Running {
  std::uint32_t tgid = 0;
  std::uint64_t start = 0;
  std::uint32_t parent = 0;
  std::uint64_t cgroup = 0;
  std::string executable{};
  bool host_mntns = false;
};

inline v1::Fact process_fact(const Running& running) {
  v1::Fact fact;
  v1::ProcessFact& process = *fact.mutable_process();
  process.set_tgid(running.tgid);
  process.set_start_boot_ns(running.start);
  process.set_parent_tgid(running.parent);
  process.set_cgroup_id(running.cgroup);
  process.set_executable(running.executable);
  process.set_exe_inode(4711);  // not the overlay's number
  process.set_exe_device(99);
  process.set_host_mount_namespace(running.host_mntns);
  process.set_exe_on_overlay(!running.host_mntns);
  return fact;
}

inline v1::SnapshotFact snapshot() {
  v1::SnapshotFact snapshot;
  snapshot.set_wire_contract(1);
  snapshot.set_wall_minus_boot_ns(1'760'000'000'000'000'000);
  snapshot.set_node("node-1");
  snapshot.set_cluster("lab");
  snapshot.set_learning_window_ns(60'000'000'000);
  snapshot.set_watch_window_ns(60'000'000'000);
  snapshot.set_identity_deadline_ns(2'000'000'000);
  snapshot.set_cool_down_ns(3'600'000'000'000);
  snapshot.add_credential_readers("/usr/bin/kubelet");
  snapshot.set_agent_version("test");
  return snapshot;
}

}  // namespace idtrail::testing
