// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

struct Row {
  Origin origin;
  const char* severity;  // null: no finding
};

class ExecDriftOrigin : public ::testing::TestWithParam<Row> {
 protected:
  Scene scene{"exec_drift"};
  Pod cart = make_pod("cart");
};

TEST_P(ExecDriftOrigin, DecidesWithoutLearning) {
  const auto findings = scene.exec(with_origin(subtree(app(cart), "/tmp/tool"), GetParam().origin));
  if (GetParam().severity == nullptr) {
    EXPECT_TRUE(findings.empty());
    return;
  }
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule(), "exec-drift");
  EXPECT_EQ(findings[0].severity(), GetParam().severity);
  EXPECT_EQ(findings[0].subject().origin(), origin_name(GetParam().origin));
}

INSTANTIATE_TEST_SUITE_P(
    Origins, ExecDriftOrigin,
    ::testing::Values(Row{Origin::kUpper, "high"}, Row{Origin::kTmpfs, "high"},
                      Row{Origin::kMemfd, "critical"}, Row{Origin::kDeleted, "critical"},
                      Row{Origin::kImage, nullptr}, Row{Origin::kVolume, nullptr},
                      Row{Origin::kHost, nullptr}, Row{Origin::kUnknown, nullptr}),
    [](const auto& row) { return std::string(origin_name(row.param.origin)); });

class ExecDrift : public ::testing::Test {
 protected:
  Scene scene{"exec_drift"};
  Pod cart = make_pod("cart");
};

TEST_F(ExecDrift, SaysWhereTheFileLies) {
  const auto findings = scene.exec(with_origin(subtree(app(cart), "/tmp/tool"), Origin::kUpper));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].why(),
            "/tmp/tool < /app/server was started in shop/cart/server (pod cart-7d9-x2x), but its "
            "file was written into the container after it was made.");
}

TEST_F(ExecDrift, IsRaisedForAContainerWithoutKubernetes) {
  Pod plain = cart;
  plain.identity.kind = IdentityKind::kContainer;
  EXPECT_EQ(scene.exec(with_origin(app(plain), Origin::kMemfd)).size(), 1U);
}

TEST_F(ExecDrift, IsNeverLearned) {
  const Actor tool = with_origin(subtree(app(cart), "/tmp/tool"), Origin::kUpper);
  scene.exec(tool);
  EXPECT_FALSE(scene.novelty.learned);
  scene.pass(std::chrono::hours(2));
  EXPECT_EQ(scene.exec(tool).size(), 1U);
  EXPECT_FALSE(scene.novelty.known);
}

TEST_F(ExecDrift, IsSilentForTheRuntimesOwnCopyOfItself) {
  Actor runc = with_origin(app(cart, "/memfd:runc_cloned:/proc/self/exe"), Origin::kMemfd);
  runc.subject.entry = Entry::kRuntime;
  EXPECT_TRUE(scene.exec(runc).empty());
}

TEST_F(ExecDrift, IsSilentOnTheHost) {
  const Pod host = make_host();
  EXPECT_TRUE(scene.exec(with_origin(app(host, "/dev/shm/x"), Origin::kTmpfs)).empty());
}

}  // namespace
}  // namespace idtrail::test
