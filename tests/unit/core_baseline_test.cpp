// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class BaselinesTest : public ::testing::Test {
 protected:
  BaselineState state() { return scene.baselines.state(cart.id, scene.now); }

  /// An exec probe's run: enters, and reads the token.
  void run_probe(const Pod& pod, const std::string& command = "check") {
    const Actor probe = entered(pod, "/bin/check", command, /*tty=*/false, scene.now);
    scene.exec(probe);
    scene.read(probe, token_of(pod));
  }

  Scene scene;
  Pod cart = make_pod("cart");
  Actor server = app(cart);
};

TEST_F(BaselinesTest, GoFromColdOverLearningToReadyInEventTime) {
  EXPECT_EQ(state(), BaselineState::kCold);
  scene.exec(server);
  EXPECT_EQ(state(), BaselineState::kLearning);
  scene.pass(hours(1) - std::chrono::nanoseconds(1));
  EXPECT_EQ(state(), BaselineState::kLearning);
  scene.pass(std::chrono::nanoseconds(1));
  EXPECT_EQ(state(), BaselineState::kReady);
}

TEST_F(BaselinesTest, LearnOnceAndThenKnow) {
  scene.exec(server);
  EXPECT_TRUE(scene.novelty.learned);
  EXPECT_TRUE(scene.novelty.known);
  scene.exec(server);
  EXPECT_FALSE(scene.novelty.learned);
  EXPECT_TRUE(scene.novelty.known);
}

TEST_F(BaselinesTest, LearnNothingAfterTheWindow) {
  scene.make_ready(server);
  const Actor shell = subtree(server, "/bin/sh");
  scene.exec(shell);
  scene.exec(shell);
  EXPECT_FALSE(scene.novelty.known);
  EXPECT_FALSE(scene.novelty.learned);
}

TEST_F(BaselinesTest, GoOnOverRestartsAndReplicas) {
  scene.exec(server);
  scene.pass(minutes(59));
  const Pod replica = make_pod("cart", "999-abc");
  scene.exec(app(replica));
  EXPECT_TRUE(scene.novelty.known);
  scene.pass(minutes(1));
  EXPECT_EQ(state(), BaselineState::kReady);
}

TEST_F(BaselinesTest, HoldTheSystemCallsOfAnIdentityByTableWhoeverMakesThem) {
  scene.call(server, 0, 20, "writev");
  EXPECT_TRUE(scene.novelty.learned);
  scene.call(server, 1, 20, "getpid");
  EXPECT_TRUE(scene.novelty.learned);
  scene.call(server, 2, 570);
  scene.call(server, 0, 575);
  scene.call(subtree(server, "/bin/sh"), 0, 20, "writev");
  EXPECT_TRUE(scene.novelty.known);
  EXPECT_FALSE(scene.novelty.learned);
  std::vector<std::string> texts;
  const auto views = scene.baselines.views("");
  ASSERT_EQ(views.size(), 1U);
  for (const auto& behaviour : views[0].behaviours()) {
    if (behaviour.family() == "syscalls") texts.push_back(behaviour.text());
  }
  std::ranges::sort(texts);
  EXPECT_EQ(texts, (std::vector<std::string>{"32-bit getpid", "number beyond the table", "writev",
                                             "x32 number 570"}));
}

TEST_F(BaselinesTest, LearnNoSystemCallOfASession) {
  scene.exec(server);
  scene.call(entered(cart, "/bin/sh", "sh", /*tty=*/true), 0, 101, "ptrace");
  EXPECT_FALSE(scene.novelty.known);
}

TEST_F(BaselinesTest, KeepIdentitiesApart) {
  scene.exec(server);
  const Pod other = make_pod("other");
  scene.exec(app(other));
  EXPECT_TRUE(scene.novelty.learned);
}

TEST_F(BaselinesTest, TakeNoPartInWhatTheRuntimeDoes) {
  Actor runc = server;
  runc.subject.entry = Entry::kRuntime;
  scene.exec(runc);
  EXPECT_EQ(scene.novelty.family, Family::kNone);
  EXPECT_EQ(state(), BaselineState::kCold);
}

TEST_F(BaselinesTest, NeverLearnFromProgramsThatAreNotFromTheImage) {
  for (const Origin origin : {Origin::kUpper, Origin::kMemfd, Origin::kTmpfs, Origin::kDeleted}) {
    const Actor tool = with_origin(subtree(server, "/tmp/tool"), origin);
    scene.exec(tool);
    EXPECT_FALSE(scene.novelty.learned) << origin_name(origin);
    scene.read(tool, token_of(cart));
    EXPECT_FALSE(scene.novelty.learned) << origin_name(origin);
    scene.connect(tool, {"203.0.113.9"});
    EXPECT_FALSE(scene.novelty.learned) << origin_name(origin);
  }
}

TEST_F(BaselinesTest, NeverLearnAReadFromOutsideThePod) {
  const Pod other = make_pod("other");
  scene.read(app(other), token_of(cart));
  EXPECT_EQ(scene.novelty.family, Family::kCredential);
  EXPECT_FALSE(scene.novelty.learned);
}

TEST_F(BaselinesTest, NeverLearnFromAPersonsSession) {
  const Actor shell = entered(cart, "/bin/sh", "sh", /*tty=*/true);
  scene.exec(shell);
  EXPECT_TRUE(scene.novelty.session);
  EXPECT_FALSE(scene.novelty.learned);
  scene.connect(child(shell, "/usr/bin/curl"), {"203.0.113.9"});
  EXPECT_FALSE(scene.novelty.learned);
  scene.connect(server, {"203.0.113.9"});
  EXPECT_TRUE(scene.novelty.learned) << "the session had taught it";
}

TEST_F(BaselinesTest, TakeNoNoteOfPrivilegesYet) {
  EXPECT_TRUE(scene.use_privilege(server).empty());
  EXPECT_EQ(scene.novelty.family, Family::kNone);
  EXPECT_FALSE(scene.novelty.known);
  EXPECT_FALSE(scene.novelty.learned);
  EXPECT_EQ(scene.baselines.views("")[0].behaviours_size(), 0);
}

TEST_F(BaselinesTest, DoNotCountWhatASessionDoesThoughItIsKnown) {
  scene.connect(server, {"10.0.0.1"});
  scene.connect(entered(cart, "/bin/sh", "sh", true), {"10.0.0.1"});
  EXPECT_TRUE(scene.novelty.known);
  EXPECT_EQ(scene.baselines.views("")[0].behaviours(0).count(), 1U);
}

TEST_F(BaselinesTest, LearnACommandThatEntersAtRegularIntervalsAsAProbe) {
  scene.exec(server);
  for (int run = 1; run <= 2; ++run) {
    scene.pass(seconds(10));
    run_probe(cart);
    EXPECT_FALSE(scene.novelty.learned) << run;
    EXPECT_TRUE(scene.novelty.session) << run;
  }
  scene.pass(seconds(11));
  run_probe(cart);
  EXPECT_TRUE(scene.novelty.learned);
  EXPECT_FALSE(scene.novelty.session);
  scene.pass(hours(2));
  run_probe(cart);
  EXPECT_TRUE(scene.novelty.known);
  EXPECT_FALSE(scene.novelty.session);
}

TEST_F(BaselinesTest, LearnTheProbesOfReplicasThatTakeTurns) {
  const Pod replica = make_pod("cart", "999-abc");
  for (int run = 0; run < 3; ++run) {
    run_probe(cart);
    scene.pass(seconds(1));
    run_probe(replica);
    scene.pass(seconds(9));
  }
  EXPECT_FALSE(scene.novelty.session);
}

TEST_F(BaselinesTest, DoNotTakeIrregularEntriesForAProbe) {
  for (const int gap : {10, 300, 10, 10, 200, 10}) {
    scene.pass(seconds(gap));
    run_probe(cart);
  }
  EXPECT_TRUE(scene.novelty.session);
}

TEST_F(BaselinesTest, LearnAProbeThatABusyNodeRanLateOnce) {
  for (const int gap : {10, 10, 35, 10, 10}) {
    run_probe(cart);
    scene.pass(seconds(gap));
  }
  run_probe(cart);
  EXPECT_FALSE(scene.novelty.session);
}

TEST_F(BaselinesTest, DoNotTakeAFastLoopForAProbe) {
  for (int run = 0; run < 6; ++run) {
    scene.pass(std::chrono::milliseconds(200));
    run_probe(cart);
  }
  EXPECT_TRUE(scene.novelty.session);
}

TEST_F(BaselinesTest, DoNotTakeOneTreesManyEventsForAProbe) {
  const Actor loop = entered(cart, "/bin/sh", "sh", false, scene.now);
  for (int run = 0; run < 6; ++run) {
    scene.pass(seconds(10));
    scene.exec(loop);
  }
  EXPECT_TRUE(scene.novelty.session);
}

TEST_F(BaselinesTest, DoNotTakeOtherArgumentsForTheProbe) {
  for (int run = 0; run < 4; ++run) {
    scene.pass(seconds(10));
    run_probe(cart);
  }
  EXPECT_FALSE(scene.novelty.session);
  scene.exec(entered(cart, "/bin/check", "check --steal", false, scene.now));
  EXPECT_TRUE(scene.novelty.session);
}

TEST_F(BaselinesTest, TakeATerminalInsideALearnedProbeForASession) {
  for (int run = 0; run < 4; ++run) {
    scene.pass(seconds(10));
    run_probe(cart);
  }
  scene.exec(entered(cart, "/bin/check", "check", /*tty=*/true, scene.now));
  EXPECT_TRUE(scene.novelty.session);
}

TEST_F(BaselinesTest, TakeEveryUnknownEntryAfterLearningForASession) {
  scene.make_ready(server);
  for (int run = 0; run < 8; ++run) {
    scene.pass(seconds(10));
    run_probe(cart);
    EXPECT_TRUE(scene.novelty.session);
    EXPECT_FALSE(scene.novelty.learned);
  }
}

TEST_F(BaselinesTest, StillFindProbesAfterManyOtherCommands) {
  Scene late{"", {.clock = {}, .learning_window = hours(24)}};
  for (int other = 0; other < 40; ++other) {
    late.exec(entered(cart, "/bin/sh", "sh -c " + std::to_string(other), false, late.now));
  }
  late.pass(hours(2));
  for (int run = 0; run < 3; ++run) {
    late.pass(seconds(10));
    late.exec(entered(cart, "/bin/check", "check", false, late.now));
  }
  EXPECT_FALSE(late.novelty.session);
}

TEST_F(BaselinesTest, KnowAProcessThatStartedBeforeTheAgent) {
  const Actor wrapped = child(server, "/usr/bin/python3", "python");
  scene.read(wrapped, token_of(cart));
  scene.make_ready(server);
  Actor partly = wrapped;
  partly.subject.applet.clear();
  partly.subject.lineage.clear();
  partly.subject.lineage_complete = false;
  seal(partly.subject);
  scene.read(partly, token_of(cart));
  EXPECT_TRUE(scene.novelty.known);
  scene.read(partly, token_of(cart));
  EXPECT_TRUE(scene.novelty.known);
}

TEST_F(BaselinesTest, DoNotTakeAnAncestorThatWasSeenForOneThatWasNot) {
  scene.read(server, token_of(cart));
  scene.make_ready(server);
  Actor stolen = child(subtree(server, "/bin/sh"), "/app/server");
  stolen.subject.lineage_complete = false;
  seal(stolen.subject);
  scene.read(stolen, token_of(cart));
  EXPECT_FALSE(scene.novelty.known);
}

}  // namespace
}  // namespace idtrail::test
