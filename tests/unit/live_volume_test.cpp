// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/sources/file.h"
#include "agent/sources/volume_files.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

// {"alg":"RS256"} and {"iss":"k","sub":"system:serviceaccount:shop:cart","jti":"j-1",
// "kubernetes.io":{"namespace":"shop","serviceaccount":{"name":"cart","uid":"u"}}}
constexpr const char* kToken =
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJrIiwic3ViIjoic3lzdGVtOnNlcnZpY2VhY2NvdW50OnNob3A6Y2FydCIsImp0aSI6ImotMSIsImt1YmVybm"
    "V0"
    "ZXMuaW8iOnsibmFtZXNwYWNlIjoic2hvcCIsInNlcnZpY2VhY2NvdW50Ijp7Im5hbWUiOiJjYXJ0IiwidWlkIjoidSJ9fX"
    "0."
    "c2ln\n";

struct PathRow {
  const char* name;
  const char* point;
  std::optional<VolumePath> path;
};
class VolumePaths : public testing::TestWithParam<PathRow> {};
TEST_P(VolumePaths, AreRecognisedBelowTheKubeletsPodsAlone) {
  EXPECT_EQ(parse_volume_path(GetParam().point, "/var/lib/kubelet/"), GetParam().path);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, VolumePaths,
    testing::Values(
        PathRow{"projected",
                "/var/lib/kubelet/pods/u1/volumes/kubernetes.io~projected/kube-api-access-x",
                VolumePath{"u1", "projected", "kube-api-access-x"}},
        PathRow{"secret", "/var/lib/kubelet/pods/u1/volumes/kubernetes.io~secret/s",
                VolumePath{"u1", "secret", "s"}},
        PathRow{"csi", "/var/lib/kubelet/pods/u1/volumes/kubernetes.io~csi/c/mount",
                VolumePath{"u1", "csi", "c"}},
        PathRow{"empty_dir", "/var/lib/kubelet/pods/u1/volumes/kubernetes.io~empty-dir/e",
                std::nullopt},
        PathRow{"deeper", "/var/lib/kubelet/pods/u1/volumes/kubernetes.io~secret/s/mnt",
                std::nullopt},
        PathRow{"no_name", "/var/lib/kubelet/pods/u1/volumes/kubernetes.io~secret/", std::nullopt},
        PathRow{"another_root", "/var/lib/kubelet2/pods/u1/volumes/kubernetes.io~secret/s",
                std::nullopt},
        PathRow{"inside_a_pod", "/rootfs/var/lib/kubelet/pods/u1/volumes/kubernetes.io~secret/s",
                std::nullopt}),
    [](const auto& row) { return row.param.name; });

/// A volume as the kubelet's atomic writer lays it out.
class Volume : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ / "v");
    root_ = Fd(open(dir_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat meta {};
    ASSERT_EQ(stat(dir_.path().c_str(), &meta), 0);
    fact_.set_device(kernel_device(meta.st_dev));
  }

  std::map<std::string, const v1::VolumeFile*> list(const char* plugin) {
    EXPECT_TRUE(list_volume(root_.get(), "/v", {"u1", plugin, "v"}, fact_));
    std::map<std::string, const v1::VolumeFile*> files;
    for (const auto& file : fact_.files()) files[file.name()] = &file;
    return files;
  }

  TestDir dir_;
  Fd root_;
  v1::VolumeFact fact_;
};

TEST_F(Volume, OfATokenStatesItsClaimsAndKeepsNothingElse) {
  dir_.write("v/..2026_11_22/token", kToken);
  dir_.write("v/..2026_11_22/ca.crt", "-----BEGIN CERTIFICATE-----");
  std::filesystem::create_directory_symlink("..2026_11_22", dir_ / "v/..data");
  std::filesystem::create_symlink("..data/token", dir_ / "v/token");
  const auto files = list("projected");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(fact_.kind(), "service-account-token");
  EXPECT_TRUE(files.at("token")->sensitive());
  EXPECT_EQ(files.at("token")->claims().token_id(), "j-1");
  EXPECT_EQ(files.at("token")->claims().service_account(), "cart");
  EXPECT_FALSE(files.at("ca.crt")->sensitive());
  EXPECT_EQ(fact_.SerializeAsString().find("c2ln"), std::string::npos);
}

TEST_F(Volume, OfASecretIsSensitiveWhole) {
  dir_.write("v/..2026_11_22/password", "x");
  dir_.write("v/..2026_11_22/tls/ca.crt", "x");
  const auto files = list("secret");
  EXPECT_EQ(fact_.kind(), "secret");
  EXPECT_TRUE(files.at("password")->sensitive());
  EXPECT_TRUE(files.at("tls/ca.crt")->sensitive());
}

TEST_F(Volume, IsNotLeftThroughLinks) {
  dir_.write("outside/token", kToken);
  std::filesystem::create_directory_symlink("../outside", dir_ / "v/dir");
  std::filesystem::create_symlink("../outside/token", dir_ / "v/token");
  EXPECT_TRUE(list("secret").empty());
}

TEST_F(Volume, OfAnotherDeviceIsNotListed) {
  fact_.set_device(fact_.device() + 1);
  EXPECT_FALSE(list_volume(root_.get(), "/v", {"u1", "secret", "v"}, fact_));
}

TEST(Device, IsConvertedToTheKernelsForm) {
  EXPECT_EQ(kernel_device(makedev(0x123, 0x45678)), (0x123U << 20U) | 0x45678U);
}

}  // namespace
}  // namespace idtrail
