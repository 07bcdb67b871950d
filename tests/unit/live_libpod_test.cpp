// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/sources/libpod.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

constexpr const char* kList = "overlay-containers/containers.json";
constexpr const char* kContainers = R"([{"id":"aa","names":["web"],"image":"b9ec",
  "metadata":"{\"image-name\":\"localhost/app:1\",\"name\":\"web\"}"},
  {"id":"bb","names":["dd4e-infra"],"image":"ddbe",
  "metadata":"{\"image-name\":\"localhost/pause:1\",\"name\":\"dd4e-infra\"}"}])";

TEST(Libpod, NamesAContainer) {
  const TestDir dir;
  dir.write(kList, kContainers);
  const auto fact = read_libpod(dir.path(), "aa");
  ASSERT_TRUE(fact);
  EXPECT_TRUE(fact->found());
  EXPECT_EQ(fact->namespace_(), "podman");
  EXPECT_EQ(fact->owner_kind(), "Container");
  EXPECT_EQ(fact->owner_name(), "web");
  EXPECT_EQ(fact->image(), "localhost/app:1");
  EXPECT_EQ(fact->image_digest(), "sha256:b9ec");
  EXPECT_TRUE(fact->pod_uid().empty());
  EXPECT_FALSE(fact->sandbox());
}

TEST(Libpod, NamesAPodByTheHostNameOfItsInfrastructureContainer) {
  const TestDir dir;
  dir.write(kList, kContainers);
  dir.write("overlay-containers/aa/userdata/config.json",
            R"({"annotations":{"io.kubernetes.cri-o.SandboxID":"bb"}})");
  dir.write("overlay-containers/bb/userdata/config.json",
            R"({"hostname":"shop","annotations":{"io.container.manager":"libpod"}})");
  const auto member = read_libpod(dir.path(), "aa");
  ASSERT_TRUE(member);
  EXPECT_EQ(member->pod(), "shop");
  EXPECT_EQ(member->owner_kind(), "Pod");
  EXPECT_EQ(member->owner_name(), "shop");
  EXPECT_EQ(member->container(), "web");
  EXPECT_FALSE(member->sandbox());
  const auto infrastructure = read_libpod(dir.path(), "bb");
  ASSERT_TRUE(infrastructure);
  EXPECT_TRUE(infrastructure->sandbox());
  EXPECT_EQ(infrastructure->owner_name(), "shop");
}

TEST(Libpod, IsNotThereForAnUnknownContainerOrAHalfWrittenList) {
  const TestDir dir;
  EXPECT_FALSE(read_libpod(dir.path(), "aa"));
  dir.write(kList, R"([{"id":"aa","names")");
  EXPECT_FALSE(read_libpod(dir.path(), "aa"));
  dir.write(kList, "[]");
  EXPECT_FALSE(read_libpod(dir.path(), "aa"));
}

TEST(Libpod, SurvivesTypesThatPodmanDoesNotWrite) {
  const TestDir dir;
  dir.write(kList, R"([7,{"id":7},{"id":"aa","metadata":{"name":1},"image":[]}])");
  dir.write("overlay-containers/aa/userdata/config.json", R"({"annotations":[1]})");
  const auto fact = read_libpod(dir.path(), "aa");
  ASSERT_TRUE(fact);
  EXPECT_EQ(fact->owner_name(), "aa");
  dir.write(kList, R"({"aa":1})");
  EXPECT_FALSE(read_libpod(dir.path(), "aa"));
}

TEST(Libpod, NeverLeavesItsDirectory) {
  const TestDir dir;
  dir.write("userdata/config.json", R"({"hostname":"elsewhere","annotations":{}})");
  dir.write(kList, R"([{"id":"aa","metadata":"{\"name\":\"web\"}"}])");
  dir.write("overlay-containers/aa/userdata/config.json",
            R"({"annotations":{"io.kubernetes.cri-o.SandboxID":".."}})");
  const auto fact = read_libpod(dir.path(), "aa");
  ASSERT_TRUE(fact);
  EXPECT_TRUE(fact->pod().empty());
  EXPECT_FALSE(read_libpod(dir.path(), "../aa"));
}

}  // namespace
}  // namespace idtrail
