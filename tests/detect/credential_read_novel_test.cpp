// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

class CredentialReadNovel : public ::testing::Test {
 protected:
  Scene scene{"credential_read_novel"};
  Pod cart = make_pod("cart");
  Actor server = app(cart);
  Credential token = token_of(cart);
};

TEST_F(CredentialReadNovel, IsRaisedForASubjectThatNeverReadIt) {
  scene.read(server, token);
  scene.make_ready(server);
  const auto findings = scene.read(subtree(server, "/bin/busybox", "cat"), token);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "high");
  EXPECT_EQ(findings[0].object().credential().token_id(), "jti-1");
  EXPECT_EQ(findings[0].why(),
            "/bin/busybox (cat) < /app/server read the service account token of shop/cart-7d9-x2x "
            "and never did before; normal here: /app/server reads service-account-token "
            "kube-api-access/token (1 time).");
}

TEST_F(CredentialReadNovel, IsRaisedForAnotherFileOfTheSameSubject) {
  scene.read(server, token);
  scene.make_ready(server);
  Credential secret = token;
  secret.kind = "secret";
  secret.volume = "database";
  secret.file = "password";
  EXPECT_EQ(scene.read(server, secret).size(), 1U);
}

TEST_F(CredentialReadNovel, IsRaisedInAnExecSessionAfterLearning) {
  scene.read(server, token);
  scene.make_ready(server);
  const Actor cat = entered(cart, "/bin/busybox", "cat token", /*tty=*/false);
  const auto findings = scene.read(cat, token);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "high");
  EXPECT_EQ(findings[0].why(),
            "/bin/busybox in an exec session read the service account token of shop/cart-7d9-x2x; "
            "normal here: /app/server reads service-account-token kube-api-access/token (1 time).");
}

TEST_F(CredentialReadNovel, IsRaisedForATerminalWhileLearning) {
  scene.exec(server);
  const Actor shell = entered(cart, "/bin/sh", "sh", /*tty=*/true);
  EXPECT_EQ(scene.read(child(shell, "/bin/cat"), token).size(), 1U);
}

TEST_F(CredentialReadNovel, WaitsWhileAnEnteredCommandMayProveToBeAProbe) {
  scene.exec(server);
  EXPECT_TRUE(scene.read(entered(cart, "/bin/check", "check", /*tty=*/false), token).empty());
  EXPECT_FALSE(scene.novelty.learned);
}

TEST_F(CredentialReadNovel, IsCriticalForAnotherPodWhileLearning) {
  const Pod other = make_pod("other");
  const auto findings = scene.read(app(other, "/bin/spy"), token);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "critical");
  EXPECT_NE(findings[0].why().find("from outside that pod"), std::string::npos);
}

TEST_F(CredentialReadNovel, IsCriticalForAReplicaOfTheSameIdentity) {
  const Pod replica = make_pod("cart", "7d9-zzz");
  EXPECT_EQ(scene.read(app(replica), token).size(), 1U);
}

TEST_F(CredentialReadNovel, IsCriticalForAProcessOfTheHost) {
  const Pod host = make_host();
  const auto findings = scene.read(app(host, "/usr/bin/cat"), token);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "critical");
}

TEST_F(CredentialReadNovel, IsSilentForTheNodesDeclaredReaders) {
  const Pod host = make_host();
  EXPECT_TRUE(scene.read(app(host, "/usr/bin/kubelet"), token).empty());
}

TEST_F(CredentialReadNovel, IsRaisedForAContainersBinaryWithADeclaredName) {
  const Pod other = make_pod("other");
  EXPECT_EQ(scene.read(app(other, "/usr/bin/kubelet"), token).size(), 1U);
}

TEST_F(CredentialReadNovel, IsCriticalForAProgramThatIsNotFromTheImage) {
  const auto findings = scene.read(with_origin(subtree(server, "/tmp/x"), Origin::kUpper), token);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "critical");
  EXPECT_NE(findings[0].why().find("not from the image (upper)"), std::string::npos);
}

TEST_F(CredentialReadNovel, IsSilentForTheReaderThatWasLearned) {
  scene.read(server, token);
  scene.make_ready(server);
  EXPECT_TRUE(scene.read(server, token).empty());
}

TEST_F(CredentialReadNovel, IsSilentOnANewPodWithANewVolumeName) {
  scene.read(server, token);
  scene.make_ready(server);
  const Pod next = make_pod("cart", "99f-abcde");
  EXPECT_TRUE(scene.read(app(next), token_of(next)).empty());
}

TEST_F(CredentialReadNovel, IsSilentWhileLearning) {
  scene.exec(server);
  EXPECT_TRUE(scene.read(subtree(server, "/bin/cat"), token).empty());
}

TEST_F(CredentialReadNovel, IsSilentForFilesThatOpenNothing) {
  scene.make_ready(server);
  Credential certificate = token;
  certificate.file = "ca.crt";
  certificate.sensitive = false;
  EXPECT_TRUE(scene.read(subtree(server, "/bin/cat"), certificate).empty());
  EXPECT_TRUE(scene.novelty.known);
}

TEST_F(CredentialReadNovel, IsSilentForALearnedProbe) {
  scene.exec(server);
  for (int run = 1; run <= 4; ++run) {
    scene.pass(std::chrono::seconds(10));
    const Actor probe = entered(cart, "/bin/check", "check", false, scene.now);
    scene.exec(probe);
    scene.read(probe, token);
  }
  scene.pass(std::chrono::hours(2));
  const Actor probe = entered(cart, "/bin/check", "check", false, scene.now);
  EXPECT_TRUE(scene.read(probe, token).empty());
}

}  // namespace
}  // namespace idtrail::test
