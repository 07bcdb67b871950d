// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/identity/cgroup_path.h"

namespace idtrail {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOuter(64, 'f');
const std::string kUid = "2d1b3d6e-3a5f-4c8e-9a7b-0123456789ab";
const std::string kUidUnderscores = "2d1b3d6e_3a5f_4c8e_9a7b_0123456789ab";
const std::string kStatic = "0123456789abcdef0123456789abcdef";

struct Row {
  const char* name;
  std::string path;
  Runtime runtime;
  Qos qos;
  std::string container_id;
  std::string pod_uid;
  std::string unit{};
  bool monitor = false;
};

class CgroupPathForms : public ::testing::TestWithParam<Row> {};

TEST_P(CgroupPathForms, AreRead) {
  const Row& row = GetParam();
  const CgroupPath found = parse_cgroup_path(row.path);
  EXPECT_EQ(found.runtime, row.runtime) << runtime_name(found.runtime);
  EXPECT_EQ(found.qos, row.qos) << qos_name(found.qos);
  EXPECT_EQ(found.container_id, row.container_id);
  EXPECT_EQ(found.pod_uid, row.pod_uid);
  EXPECT_EQ(found.unit, row.unit);
  EXPECT_EQ(found.monitor, row.monitor);
}

const std::string kSlice =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidUnderscores + ".slice";

INSTANTIATE_TEST_SUITE_P(
    Rows, CgroupPathForms,
    ::testing::Values(
        Row{"CgroupfsBurstable", "/kubepods/burstable/pod" + kUid + "/" + kId, Runtime::kUnstated,
            Qos::kBurstable, kId, kUid},
        Row{"CgroupfsBestEffort", "/kubepods/besteffort/pod" + kUid + "/" + kId, Runtime::kUnstated,
            Qos::kBestEffort, kId, kUid},
        Row{"CgroupfsGuaranteed", "/kubepods/pod" + kUid + "/" + kId, Runtime::kUnstated,
            Qos::kGuaranteed, kId, kUid},
        Row{"StaticPod", "/kubepods/burstable/pod" + kStatic + "/" + kId, Runtime::kUnstated,
            Qos::kBurstable, kId, kStatic},
        Row{"SystemdContainerd", kSlice + "/cri-containerd-" + kId + ".scope", Runtime::kContainerd,
            Qos::kBurstable, kId, kUid},
        Row{"SystemdGuaranteed",
            "/kubepods.slice/kubepods-pod" + kUidUnderscores + ".slice/cri-containerd-" + kId +
                ".scope",
            Runtime::kContainerd, Qos::kGuaranteed, kId, kUid},
        Row{"SystemdStaticPod",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kStatic +
                ".slice/cri-containerd-" + kId + ".scope",
            Runtime::kContainerd, Qos::kBurstable, kId, kStatic},
        Row{"ColonForm",
            "/kubepods-burstable-pod" + kUidUnderscores + ".slice:cri-containerd:" + kId,
            Runtime::kContainerd, Qos::kBurstable, kId, kUid},
        Row{"ColonFormNested",
            "/system.slice/containerd.service/kubepods-besteffort-pod" + kUidUnderscores +
                ".slice:cri-containerd:" + kId,
            Runtime::kContainerd, Qos::kBestEffort, kId, kUid},
        Row{"CrioSystemd", kSlice + "/crio-" + kId + ".scope", Runtime::kCrio, Qos::kBurstable, kId,
            kUid},
        Row{"CrioWithCrun", kSlice + "/crio-" + kId + ".scope/container", Runtime::kCrio,
            Qos::kBurstable, kId, kUid},
        Row{"CrioMonitor", kSlice + "/crio-conmon-" + kId + ".scope", Runtime::kCrio,
            Qos::kBurstable, kId, kUid, "", true},
        Row{"CrioCgroupfs", "/kubepods/besteffort/pod" + kUid + "/crio-" + kId, Runtime::kCrio,
            Qos::kBestEffort, kId, kUid},
        Row{"CriDockerd", kSlice + "/docker-" + kId + ".scope", Runtime::kDocker, Qos::kBurstable,
            kId, kUid},
        Row{"DockerSystemd", "/system.slice/docker-" + kId + ".scope", Runtime::kDocker,
            Qos::kUnstated, kId, ""},
        Row{"DockerCgroupfs", "/docker/" + kId, Runtime::kDocker, Qos::kUnstated, kId, ""},
        Row{"Kind", "/docker/" + kOuter + "/kubelet/kubepods/burstable/pod" + kUid + "/" + kId,
            Runtime::kUnstated, Qos::kBurstable, kId, kUid},
        Row{"KindSlices",
            "/docker/" + kOuter + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-" +
                "besteffort.slice/kubelet-kubepods-besteffort-pod" + kUidUnderscores +
                ".slice/cri-containerd-" + kId + ".scope",
            Runtime::kContainerd, Qos::kBestEffort, kId, kUid},
        Row{"Podman", "/machine.slice/libpod-" + kId + ".scope", Runtime::kPodman, Qos::kUnstated,
            kId, ""},
        Row{"PodmanContainer", "/machine.slice/libpod-" + kId + ".scope/container",
            Runtime::kPodman, Qos::kUnstated, kId, ""},
        Row{"PodmanPayload", "/user.slice/libpod-payload-" + kId, Runtime::kPodman, Qos::kUnstated,
            kId, ""},
        Row{"Nerdctl", "/system.slice/nerdctl-" + kId + ".scope", Runtime::kNerdctl, Qos::kUnstated,
            kId, ""},
        Row{"InsideACgroupNamespace", "/../../pod" + kUid + "/" + kId, Runtime::kUnstated,
            Qos::kGuaranteed, kId, kUid},
        Row{"InsideACgroupNamespaceCrio", "/../crio-" + kId + ".scope", Runtime::kCrio,
            Qos::kUnstated, kId, ""},
        Row{"PodAlone", "/kubepods/besteffort/pod" + kUid, Runtime::kUnstated, Qos::kBestEffort, "",
            kUid},
        Row{"Service", "/system.slice/sshd.service", Runtime::kUnstated, Qos::kUnstated, "", "",
            "sshd.service"},
        Row{"SubgroupOfAService", "/system.slice/docker.service/workers", Runtime::kUnstated,
            Qos::kUnstated, "", "", "docker.service"},
        Row{"Session", "/user.slice/user-0.slice/session-4.scope", Runtime::kUnstated,
            Qos::kUnstated, "", "", "session-4.scope"},
        Row{"Root", "/", Runtime::kUnstated, Qos::kUnstated, "", ""},
        Row{"Nothing", "", Runtime::kUnstated, Qos::kUnstated, "", ""},
        Row{"SystemdInAContainer", kSlice + "/cri-containerd-" + kId + ".scope/init.scope",
            Runtime::kContainerd, Qos::kBurstable, kId, kUid}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CgroupPath, TakesNoIdThatIsTooShortTooLongOrNotHexadecimal) {
  for (const std::string& id :
       {kId.substr(1), kId + "0", "g" + kId.substr(1), "A" + kId.substr(1)}) {
    EXPECT_EQ(parse_cgroup_path("/docker/" + id).container_id, "") << id;
    EXPECT_EQ(parse_cgroup_path("/x/crio-" + id + ".scope").container_id, "") << id;
  }
}

TEST(CgroupPath, TakesNoUidOfMixedSeparators) {
  std::string mixed = kUid;
  mixed[13] = '_';
  EXPECT_EQ(parse_cgroup_path("/kubepods/pod" + mixed + "/" + kId).pod_uid, "");
  EXPECT_EQ(parse_cgroup_path("/kubepods/pod/" + kId).pod_uid, "");
}

TEST(CgroupPath, OutermostIsTheContainerThatWasMadeFirst) {
  const std::string nested = "/docker/" + kOuter + "/kubepods/pod" + kUid + "/" + kId;
  EXPECT_EQ(parse_outermost_cgroup_path(nested).container_id, kOuter);
  EXPECT_EQ(parse_outermost_cgroup_path("/system.slice/a.service").unit, "a.service");
}

TEST(CgroupPath, TakesHostileBytes) {
  for (const std::string& path :
       {std::string("////"), std::string(4096, '/'), std::string("/pod"), std::string("/-pod"),
        std::string("/:::"), std::string("/\0\xff/pod\n", 8), std::string(70000, 'a')}) {
    EXPECT_EQ(parse_cgroup_path(path).container_id, "");
    EXPECT_EQ(parse_outermost_cgroup_path(path).container_id, "");
  }
}

}  // namespace
}  // namespace idtrail
