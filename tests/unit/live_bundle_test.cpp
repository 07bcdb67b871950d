// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/sources/bundle.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

constexpr const char* kTasks = "io.containerd.runtime.v2.task/";

TEST(Bundle, NamesAPlainContainerByItsNamespace) {
  const TestDir dir;
  dir.write(std::string(kTasks) + "moby/abc/config.json", R"({"ociVersion":"1.0","hostname":"x"})");
  const auto fact = read_bundle(dir.path(), "abc");
  ASSERT_TRUE(fact);
  EXPECT_TRUE(fact->found());
  EXPECT_EQ(fact->namespace_(), "moby");
  EXPECT_EQ(fact->owner_kind(), "Container");
  EXPECT_EQ(fact->owner_name(), "abc");
}

TEST(Bundle, NamesAPodByTheRuntimesAnnotations) {
  const TestDir dir;
  dir.write(std::string(kTasks) + "k8s.io/abc/config.json", R"({"annotations":{
    "io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"main",
    "io.kubernetes.cri.sandbox-name":"cart-1","io.kubernetes.cri.sandbox-namespace":"shop",
    "io.kubernetes.cri.sandbox-uid":"u1","io.kubernetes.cri.image-name":"cart:1"}})");
  const auto fact = read_bundle(dir.path(), "abc");
  ASSERT_TRUE(fact);
  EXPECT_EQ(fact->namespace_(), "shop");
  EXPECT_EQ(fact->pod(), "cart-1");
  EXPECT_EQ(fact->pod_uid(), "u1");
  EXPECT_EQ(fact->container(), "main");
  EXPECT_EQ(fact->image(), "cart:1");
  EXPECT_FALSE(fact->sandbox());
}

TEST(Bundle, IsNotThereForAnUnknownContainer) {
  const TestDir dir;
  EXPECT_FALSE(read_bundle(dir.path(), "abc"));
}

TEST(Bundle, IsNotReadWhileHalfWritten) {
  const TestDir dir;
  dir.write(std::string(kTasks) + "k8s.io/abc/config.json", R"({"annotations":)");
  EXPECT_FALSE(read_bundle(dir.path(), "abc"));
}

TEST(Bundle, SurvivesTypesThatTheSpecForbids) {
  const TestDir dir;
  dir.write(std::string(kTasks) + "default/abc/config.json", R"({"annotations":[1,2]})");
  dir.write(std::string(kTasks) + "default/def/config.json",
            R"({"annotations":{"io.kubernetes.cri.container-type":7}})");
  EXPECT_EQ(read_bundle(dir.path(), "abc")->owner_kind(), "Container");
  EXPECT_EQ(read_bundle(dir.path(), "def")->owner_kind(), "Container");
}

TEST(Bundle, NeverLeavesItsDirectory) {
  const TestDir dir;
  dir.write("secret/config.json", "{}");
  std::filesystem::create_directories(dir / (std::string(kTasks) + "moby"));
  EXPECT_FALSE(read_bundle(dir.path(), "../../secret"));
  EXPECT_FALSE(is_container_id(".."));
  EXPECT_FALSE(is_container_id("a/b"));
  EXPECT_FALSE(is_container_id(""));
  EXPECT_TRUE(is_container_id("redis-1.0_x"));
}

}  // namespace
}  // namespace idtrail
