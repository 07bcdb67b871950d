// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

class DestinationNovel : public ::testing::Test {
 protected:
  DestinationNovel() {
    scene.connect(server, {"10.96.0.1"});
    scene.connect(server, {"127.0.0.1", 8080});
    scene.make_ready(server);
  }

  Scene scene{"destination_novel"};
  Pod cart = make_pod("cart");
  Actor server = app(cart);
};

TEST_F(DestinationNovel, IsMediumInsideTheOwnNetwork) {
  const auto findings = scene.connect(server, {"10.0.0.9", 5432});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "medium");
  EXPECT_EQ(findings[0].object().name(), "tcp 10.0.0.9:5432");
  EXPECT_EQ(findings[0].baseline_diff().normal_size(), 2);
}

TEST_F(DestinationNovel, IsHighWhereTheConnectionLeaves) {
  EXPECT_EQ(scene.connect(server, {"203.0.113.9"})[0].severity(), "high");
  EXPECT_EQ(scene.connect(server, {"203.0.113.10", 443, -EINPROGRESS})[0].severity(), "high");
  EXPECT_EQ(scene.connect(server, {"169.254.169.254", 80})[0].severity(), "high");
  EXPECT_EQ(scene.connect(server, {"2001:db8::9"})[0].severity(), "high");
}

TEST_F(DestinationNovel, IsMediumWhereItWasRefused) {
  const auto findings = scene.connect(server, {"203.0.113.9", 443, -ECONNREFUSED});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "medium");
}

TEST_F(DestinationNovel, IsHighInAnExecSession) {
  const Actor person = entered(cart, "/bin/sh", "sh", /*tty=*/true);
  EXPECT_EQ(scene.connect(child(person, "/usr/bin/nc"), {"10.0.0.9", 22})[0].severity(), "high");
}

TEST_F(DestinationNovel, TakesAnotherPortOrProtocolForNew) {
  EXPECT_EQ(scene.connect(server, {"10.96.0.1", 22}).size(), 1U);
  EXPECT_EQ(scene.connect(server, {"10.96.0.1", 443, 0, IPPROTO_UDP}).size(), 1U);
  EXPECT_EQ(scene.connect(server, {"127.0.0.1", 9090}).size(), 1U);
}

TEST_F(DestinationNovel, IsSilentForKnownDestinationsWhoeverConnects) {
  EXPECT_TRUE(scene.connect(server, {"10.96.0.1"}).empty());
  EXPECT_TRUE(scene.connect(subtree(server, "/usr/bin/curl"), {"10.96.0.1"}).empty());
  EXPECT_TRUE(scene.connect(server, {"10.96.0.1", 443, -ETIMEDOUT}).empty());
}

TEST_F(DestinationNovel, IsSilentForTheSameAddressInItsMappedForm) {
  EXPECT_TRUE(scene.connect(server, {"::ffff:10.96.0.1"}).empty());
}

TEST_F(DestinationNovel, IsSilentForAnyAddressOfAKnownLoopbackPort) {
  EXPECT_TRUE(scene.connect(server, {"127.0.0.2", 8080}).empty());
  EXPECT_TRUE(scene.connect(server, {"::1", 8080}).empty());
}

TEST_F(DestinationNovel, IsSilentWhileLearning) {
  Scene young{"destination_novel"};
  EXPECT_TRUE(young.connect(server, {"203.0.113.9"}).empty());
}

TEST_F(DestinationNovel, IsSilentForTheContainerRuntime) {
  Actor runc = server;
  runc.subject.entry = Entry::kRuntime;
  EXPECT_TRUE(scene.connect(runc, {"203.0.113.9"}).empty());
}

}  // namespace
}  // namespace idtrail::test
