// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BaselineViews : public ::testing::Test {
 protected:
  Scene scene;
  Pod cart = make_pod("cart");
  Actor server = app(cart);
};

TEST_F(BaselineViews, SelectByNameFolderOrId) {
  const Pod other = make_pod("other");
  scene.exec(server);
  scene.exec(app(other));
  EXPECT_EQ(scene.baselines.views("").size(), 2U);
  EXPECT_EQ(scene.baselines.views("shop").size(), 2U);
  EXPECT_EQ(scene.baselines.views("shop/cart").size(), 1U);
  EXPECT_EQ(scene.baselines.views("shop/cart/server").size(), 1U);
  EXPECT_EQ(scene.baselines.views(hex64(cart.id)).size(), 1U);
  EXPECT_TRUE(scene.baselines.views("shop/car").empty());
}

TEST_F(BaselineViews, SayWhatWasLearnedWhereAndWhen) {
  scene.read(server, token_of(cart));
  const v1::BaselineView view = scene.baselines.views("")[0];
  EXPECT_EQ(view.identity().owner_name(), "cart");
  EXPECT_EQ(view.state(), "learning");
  EXPECT_EQ(view.ready_since(), "");
  EXPECT_TRUE(view.complete());
  ASSERT_EQ(view.behaviours_size(), 1);
  const v1::Behaviour& one = view.behaviours(0);
  EXPECT_EQ(one.family(), "credential");
  EXPECT_EQ(one.object(), "service-account-token kube-api-access/token");
  EXPECT_EQ(one.text(), "/app/server reads service-account-token kube-api-access/token");
  EXPECT_EQ(one.pod(), "cart-7d9-x2x");
  EXPECT_EQ(one.image_digest(), "sha256:1");
  EXPECT_EQ(one.subject().pid(), 0U);
}

TEST_F(BaselineViews, TurnReadyWhileNothingHappens) {
  scene.exec(server);
  scene.baselines.advance(scene.now + std::chrono::hours(1));
  const v1::BaselineView view = scene.baselines.views("")[0];
  EXPECT_EQ(view.state(), "ready");
  EXPECT_EQ(view.ready_since(), "1970-01-01T01:00:01.000000000Z");
}

TEST_F(BaselineViews, GiveTheFiveMostFrequentAsNormalTiesByText) {
  scene.exec(server);
  for (int at = 9; at > 0; --at) scene.connect(server, {fmt::format("10.0.0.{}", at)});
  scene.connect(server, {"10.0.0.7"});
  Observation seen;
  Connect body;
  body.family = AF_INET;
  body.protocol = IPPROTO_TCP;
  body.destination_port = 443;
  inet_pton(AF_INET, "203.0.113.9", body.destination.data());
  seen.event.body = body;
  seen.event.at = scene.now;
  seen.who.identity = &cart.identity;
  seen.who.identity_id = cart.id;
  seen.who.subject = &server.subject;
  const v1::BaselineDiff diff = scene.baselines.diff(seen);
  EXPECT_EQ(diff.family(), "destination");
  EXPECT_EQ(diff.known_behaviours(), 9U);
  EXPECT_EQ(diff.seen(), "tcp 203.0.113.9:443");
  EXPECT_THAT(diff.normal(), ElementsAre("tcp 10.0.0.7:443 (2 times)", "tcp 10.0.0.1:443 (1 time)",
                                         "tcp 10.0.0.2:443 (1 time)", "tcp 10.0.0.3:443 (1 time)",
                                         "tcp 10.0.0.4:443 (1 time)"));
}

TEST_F(BaselineViews, ShowProbesWithTheirCommand) {
  for (int run = 0; run < 3; ++run) {
    scene.pass(std::chrono::seconds(10));
    scene.exec(entered(cart, "/bin/check", std::string("check\0--deep", 12), false, scene.now));
  }
  const v1::BaselineView view = scene.baselines.views("")[0];
  ASSERT_EQ(view.behaviours_size(), 2);
  EXPECT_EQ(view.behaviours(0).family(), "entry");
  EXPECT_EQ(view.behaviours(0).object(), "check --deep");
  EXPECT_EQ(view.behaviours(1).family(), "exec");
}

TEST_F(BaselineViews, AreReviewableAsYaml) {
  scene.exec(server);
  scene.exec(subtree(server, "/bin/a\nb"));
  const std::string yaml = to_yaml(scene.baselines.views(""));
  EXPECT_THAT(yaml, HasSubstr("baselines:\n  - identity:\n      kind: \"pod\"\n"));
  EXPECT_THAT(yaml, HasSubstr("owner_name: \"cart\""));
  EXPECT_THAT(yaml, HasSubstr("complete: true"));
  EXPECT_THAT(yaml, HasSubstr("text: \"/bin/a\\\\nb < /app/server\""));
  EXPECT_EQ(to_yaml({}), "baselines:\n  []\n");
}

}  // namespace
}  // namespace idtrail::test
