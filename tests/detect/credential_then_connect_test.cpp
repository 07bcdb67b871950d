// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

class CredentialThenConnect : public ::testing::Test {
 protected:
  CredentialThenConnect() {
    scene.read(server, token);
    scene.connect(server, {"10.96.0.1"});
    scene.make_ready(server);
  }

  Scene scene{"credential_then_connect"};
  Pod cart = make_pod("cart");
  Actor server = app(cart);
  Credential token = token_of(cart);
  Actor shell = subtree(server, "/bin/sh");
};

TEST_F(CredentialThenConnect, JoinsAReadAndAConnectOfTheSameTree) {
  EXPECT_TRUE(scene.read(child(shell, "/bin/cat"), token).empty());
  scene.pass(std::chrono::milliseconds(250));
  const auto findings = scene.connect(child(shell, "/usr/bin/curl"), {"203.0.113.9", 8443});
  ASSERT_EQ(findings.size(), 1U);
  const v1::Finding& finding = findings[0];
  EXPECT_EQ(finding.severity(), "critical");
  EXPECT_EQ(finding.object().destination().address(), "203.0.113.9");
  ASSERT_EQ(finding.evidence_size(), 2);
  EXPECT_EQ(finding.evidence(0).event_class(), "credential");
  EXPECT_EQ(finding.evidence(1).event_class(), "connect");
  EXPECT_NE(finding.why().find("/bin/cat < /bin/sh < /app/server read the service account token of "
                               "shop/cart-7d9-x2x and never did before, and 250 ms later "
                               "/usr/bin/curl of the same process tree went to tcp "
                               "203.0.113.9:8443 (connected)"),
            std::string::npos)
      << finding.why();
}

TEST_F(CredentialThenConnect, TakesAFailedConnectForAnAttempt) {
  scene.read(child(shell, "/bin/cat"), token);
  const auto findings = scene.connect(shell, {"203.0.113.9", 443, -ECONNREFUSED});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].object().destination().result(), "ECONNREFUSED");
}

TEST_F(CredentialThenConnect, TakesADestinationThatTheApplicationUsesToo) {
  scene.read(child(shell, "/bin/cat"), token);
  EXPECT_EQ(scene.connect(child(shell, "/usr/bin/curl"), {"10.96.0.1"}).size(), 1U);
}

TEST_F(CredentialThenConnect, WorksWhileLearningForATerminal) {
  Scene young{"credential_then_connect"};
  const Actor person = entered(cart, "/bin/sh", "sh", /*tty=*/true);
  young.read(child(person, "/bin/cat"), token);
  EXPECT_EQ(young.connect(child(person, "/usr/bin/curl"), {"203.0.113.9"}).size(), 1U);
}

TEST_F(CredentialThenConnect, SaysItOncePerTree) {
  scene.read(child(shell, "/bin/cat"), token);
  EXPECT_EQ(scene.connect(shell, {"203.0.113.9"}).size(), 1U);
  scene.read(child(shell, "/bin/cat"), token);
  EXPECT_TRUE(scene.connect(shell, {"203.0.113.10"}).empty());
}

TEST_F(CredentialThenConnect, DoesNotCountTheQuestionToTheResolver) {
  scene.read(child(shell, "/bin/cat"), token);
  const Actor curl = child(shell, "/usr/bin/curl");
  EXPECT_TRUE(scene.connect(curl, {"10.96.0.10", 53, 0, IPPROTO_UDP}).empty());
  EXPECT_EQ(scene.connect(curl, {"203.0.113.9"}).size(), 1U);
}

TEST_F(CredentialThenConnect, CountsANameServerOutOnTheInternet) {
  scene.read(child(shell, "/bin/cat"), token);
  EXPECT_EQ(scene.connect(shell, {"203.0.113.53", 53, 0, IPPROTO_UDP}).size(), 1U);
}

TEST_F(CredentialThenConnect, IsSilentForTheApplicationsOwnConnect) {
  scene.read(child(shell, "/bin/cat"), token);
  EXPECT_TRUE(scene.connect(server, {"203.0.113.9"}).empty());
}

TEST_F(CredentialThenConnect, IsSilentForANormalRead) {
  scene.read(server, token);
  EXPECT_TRUE(scene.connect(server, {"203.0.113.9"}).empty());
}

TEST_F(CredentialThenConnect, IsSilentForAConnectBeforeTheRead) {
  EXPECT_TRUE(scene.connect(shell, {"203.0.113.9"}).empty());
  EXPECT_TRUE(scene.read(child(shell, "/bin/cat"), token).empty());
}

TEST_F(CredentialThenConnect, IsSilentAfterTheWindow) {
  scene.read(child(shell, "/bin/cat"), token);
  scene.pass(std::chrono::seconds(61));
  EXPECT_TRUE(scene.connect(shell, {"203.0.113.9"}).empty());
}

TEST_F(CredentialThenConnect, IsSilentForTheSameTreeNumbersInAnotherPod) {
  scene.read(child(shell, "/bin/cat"), token);
  const Pod other = make_pod("other");
  Actor stranger = app(other);
  stranger.tree = shell.tree;
  EXPECT_TRUE(scene.connect(stranger, {"203.0.113.9"}).empty());
}

TEST_F(CredentialThenConnect, ForgetsTheOldestWindowWhenThereAreTooManyAndCountsIt) {
  scene.read(child(shell, "/bin/cat"), token);
  for (int tree = 0; tree < 1024; ++tree) scene.read(subtree(server, "/bin/cat"), token);
  EXPECT_EQ(scene.detectors[0]->forgotten(), 1U);
  EXPECT_TRUE(scene.connect(shell, {"203.0.113.9"}).empty());
}

}  // namespace
}  // namespace idtrail::test
