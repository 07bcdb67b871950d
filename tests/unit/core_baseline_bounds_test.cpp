// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

using std::chrono::hours;

class BaselineBounds : public ::testing::Test {
 protected:
  void flood_destinations(int count) {
    for (int at = 0; at < count; ++at) {
      scene.connect(server, {fmt::format("10.{}.{}.1", at / 250, at % 250)});
    }
  }

  Scene scene;
  Pod cart = make_pod("cart");
  Actor server = app(cart);
};

TEST_F(BaselineBounds, HoldOneIdentityWithin64KiBAndSayWhatFoundNoRoom) {
  flood_destinations(5000);
  for (int at = 0; at < 2000; ++at) scene.exec(subtree(server, fmt::format("/bin/tool{}", at)));
  EXPECT_LE(scene.baselines.bytes(cart.id), 64U << 10U);
  EXPECT_GT(scene.baselines.bytes(cart.id), 48U << 10U);
  const v1::BaselineView view = scene.baselines.views("")[0];
  EXPECT_FALSE(view.complete());
  EXPECT_EQ(view.overflow() + static_cast<std::uint64_t>(view.behaviours_size()), 7000U);
  EXPECT_FALSE(scene.baselines.complete(cart.id));
}

TEST_F(BaselineBounds, LeaveRoomForCredentialsWhenDestinationsFlood) {
  flood_destinations(5000);
  scene.read(server, token_of(cart));
  EXPECT_TRUE(scene.novelty.learned);
}

TEST_F(BaselineBounds, HoldSeveralHundredDestinations) {
  flood_destinations(350);
  EXPECT_TRUE(scene.baselines.complete(cart.id)) << scene.baselines.bytes(cart.id);
}

TEST_F(BaselineBounds, StayWithinTheBoundWhenTextsAreLong) {
  for (int at = 0; at < 200; ++at) {
    scene.exec(subtree(server, fmt::format("/{}{}", std::string(1000, 'x'), at)));
  }
  EXPECT_LE(scene.baselines.bytes(cart.id), 64U << 10U);
}

TEST_F(BaselineBounds, RefuseIdentitiesBeyondTheirNumberAndCountTheirEvents) {
  Scene small{"", {.clock = {}, .learning_window = hours(1), .max_identities = 2}};
  for (const char* name : {"a", "b", "c"}) {
    const Pod pod = make_pod(name);
    small.exec(app(pod));
  }
  EXPECT_EQ(small.baselines.views("").size(), 2U);
  EXPECT_EQ(small.baselines.refused(), 1U);
  EXPECT_EQ(small.novelty.state, BaselineState::kCold);
  const Pod refused = make_pod("d");
  small.exec(entered(refused, "/bin/sh", "sh", /*tty=*/true));
  EXPECT_TRUE(small.novelty.session);
}

TEST_F(BaselineBounds, HandOutChangesInBoundedPortions) {
  Scene wide{"", {.clock = {}, .learning_window = hours(1)}};
  for (int pod = 0; pod < 40; ++pod) {
    const Pod one = make_pod(fmt::format("p{}", pod));
    for (int at = 0; at < 100; ++at) wide.connect(app(one), {fmt::format("10.0.0.{}", at)});
  }
  std::size_t behaviours = 0;
  std::size_t calls = 0;
  for (;; ++calls) {
    const BaselineChanges changes = wide.baselines.take_changes();
    if (changes.baselines.empty() && changes.behaviours.empty()) break;
    EXPECT_LE(changes.behaviours.size(), 1200U);
    behaviours += changes.behaviours.size();
  }
  EXPECT_EQ(behaviours, 4000U);
  EXPECT_GE(calls, 4U);
}

TEST_F(BaselineBounds, HandOutOnlyWhatChanged) {
  scene.exec(server);
  scene.connect(server, {"10.0.0.1"});
  EXPECT_EQ(scene.baselines.take_changes().behaviours.size(), 2U);
  EXPECT_TRUE(scene.baselines.take_changes().behaviours.empty());
  scene.connect(server, {"10.0.0.1"});
  const BaselineChanges changes = scene.baselines.take_changes();
  ASSERT_EQ(changes.behaviours.size(), 1U);
  EXPECT_EQ(changes.behaviours[0].count(), 2U);
  EXPECT_TRUE(changes.baselines.empty());
}

/// Everything a baseline says, as it would after a restart in between.
class BaselineRestore : public ::testing::Test {
 protected:
  static void carry_over(Scene& from, Scene& to) {
    for (;;) {
      const BaselineChanges changes = from.baselines.take_changes();
      if (changes.baselines.empty() && changes.behaviours.empty()) break;
      for (const auto& fact : changes.baselines) to.baselines.restore(fact);
      for (const auto& fact : changes.behaviours) to.baselines.restore(fact);
    }
    to.now = from.now;
  }

  void act(Scene& scene) {
    scene.exec(server);
    scene.read(server, token_of(cart));
    scene.connect(server, {"10.96.0.1"});
    for (int run = 0; run < 4; ++run) {
      scene.pass(std::chrono::seconds(10));
      const Actor probe{probes[static_cast<std::size_t>(run)]};
      scene.exec(probe);
    }
  }

  Pod cart = make_pod("cart");
  Actor server = app(cart);
  std::vector<Actor> probes = {
      entered(cart, "/bin/check", "check", false, boot_time(10)),
      entered(cart, "/bin/check", "check", false, boot_time(10'000000010)),
      entered(cart, "/bin/check", "check", false, boot_time(20'000000010)),
      entered(cart, "/bin/check", "check", false, boot_time(30'000000010))};
};

TEST_F(BaselineRestore, GoesOnAsIfThereHadBeenNoRestart) {
  Scene through;
  act(through);
  Scene before;
  act(before);
  Scene after;
  carry_over(before, after);
  for (Scene* scene : {&through, &after}) {
    scene->connect(server, {"10.96.0.2"});
    scene->pass(hours(2));
    scene->exec(server);
    scene->exec(subtree(server, "/bin/sh"));
    scene->exec(entered(cart, "/bin/check", "check", false, scene->now));
  }
  EXPECT_EQ(to_yaml(through.baselines.views("")), to_yaml(after.baselines.views("")));
  EXPECT_FALSE(after.novelty.session);
}

TEST_F(BaselineRestore, KeepsAHole) {
  Scene before;
  act(before);
  before.baselines.mark_incomplete(cart.id);
  Scene after;
  carry_over(before, after);
  EXPECT_FALSE(after.baselines.complete(cart.id));
}

TEST_F(BaselineRestore, HandsNothingOutAgain) {
  Scene before;
  act(before);
  Scene after;
  carry_over(before, after);
  EXPECT_TRUE(after.baselines.take_changes().behaviours.empty());
}

TEST_F(BaselineRestore, TakesABehaviourWhoseBaselineWasLost) {
  Scene before;
  act(before);
  Scene after;
  for (const auto& fact : before.baselines.take_changes().behaviours) after.baselines.restore(fact);
  EXPECT_EQ(after.baselines.state(cart.id, before.now), BaselineState::kLearning);
  EXPECT_EQ(after.baselines.state(cart.id, before.now + hours(2)), BaselineState::kReady);
}

TEST_F(BaselineRestore, SkipsWhatIsDamaged) {
  Scene scene;
  v1::BehaviourFact fact;
  fact.set_identity("\xff\xff");
  fact.set_family("exec");
  scene.baselines.restore(fact);
  v1::BaselineFact baseline;
  baseline.set_identity("\xff\xff");
  scene.baselines.restore(baseline);
  EXPECT_TRUE(scene.baselines.views("").empty());
}

}  // namespace
}  // namespace idtrail::test
