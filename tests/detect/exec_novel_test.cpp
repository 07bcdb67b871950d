// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

class ExecNovel : public ::testing::Test {
 protected:
  Scene scene{"exec_novel"};
  Pod cart = make_pod("cart");
  Actor server = app(cart);
};

TEST_F(ExecNovel, IsRaisedForANewProgramOfAReadyIdentity) {
  scene.make_ready(server);
  const auto findings = scene.exec(subtree(server, "/bin/busybox", "sh"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule(), "exec-novel");
  EXPECT_EQ(findings[0].severity(), "medium");
  EXPECT_EQ(findings[0].object().executable().path(), "/bin/busybox");
  EXPECT_EQ(findings[0].title(), "New program /bin/busybox (sh): shop/cart/server");
  EXPECT_EQ(findings[0].why(),
            "/bin/busybox (sh) < /app/server was started in shop/cart/server (pod cart-7d9-x2x), "
            "which has never run it this way; normal here: /app/server (1 time).");
}

TEST_F(ExecNovel, IsRaisedForAKnownProgramWithAnotherParent) {
  const Actor shell = subtree(server, "/bin/sh");
  scene.exec(shell);
  scene.exec(child(shell, "/usr/bin/curl"));
  scene.make_ready(server);
  EXPECT_EQ(scene.exec(subtree(server, "/usr/bin/curl")).size(), 1U);
}

TEST_F(ExecNovel, IsHighInAnExecSession) {
  scene.make_ready(server);
  const auto findings = scene.exec(entered(cart, "/bin/sh", "sh", /*tty=*/true));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "high");
  EXPECT_TRUE(findings[0].subject().session());
  EXPECT_NE(findings[0].why().find("in an exec session"), std::string::npos);
}

TEST_F(ExecNovel, TakesTheApplicationsOwnBinaryInASessionForNew) {
  scene.make_ready(server);
  EXPECT_EQ(scene.exec(entered(cart, "/app/server", "/app/server --dump", false)).size(), 1U);
}

TEST_F(ExecNovel, IsSilentForWhatTheBaselineHolds) {
  const Actor shell = subtree(server, "/bin/sh");
  scene.exec(shell);
  scene.make_ready(server);
  EXPECT_TRUE(scene.exec(shell).empty());
  EXPECT_TRUE(scene.exec(server).empty());
}

TEST_F(ExecNovel, IsSilentOnAReplicaThatDoesTheSame) {
  scene.make_ready(server);
  const Pod replica = make_pod("cart", "7d9-zzz");
  EXPECT_TRUE(scene.exec(app(replica)).empty());
}

TEST_F(ExecNovel, IsSilentWhileLearning) {
  scene.exec(server);
  EXPECT_TRUE(scene.exec(subtree(server, "/bin/sh")).empty());
}

TEST_F(ExecNovel, IsSilentForTheContainerRuntime) {
  scene.make_ready(server);
  Actor runc = entered(cart, "/usr/bin/runc", "", false);
  runc.subject.entry = Entry::kRuntime;
  seal(runc.subject);
  EXPECT_TRUE(scene.exec(runc).empty());
}

TEST_F(ExecNovel, IsSilentForReadsAndConnects) {
  scene.make_ready(server);
  EXPECT_TRUE(scene.read(server, token_of(cart)).empty());
  EXPECT_TRUE(scene.connect(server, {"203.0.113.9"}).empty());
}

}  // namespace
}  // namespace idtrail::test
