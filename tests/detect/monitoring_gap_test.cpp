// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idtrail/events.h"
#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kAgent = 77;
constexpr std::uint32_t kHelper = 78;

struct Row {
  const char* name;
  GapCause cause;
  std::uint64_t lost;
  const char* severity;
};

class MonitoringGapCause : public ::testing::TestWithParam<Row> {};

TEST_P(MonitoringGapCause, IsAFinding) {
  Scene scene{"monitoring_gap"};
  const auto findings = scene.gap(make_host(), {.cause = GetParam().cause,
                                                .object = "exec",
                                                .text = "as it was found",
                                                .from = boot_time(1'000'000'000),
                                                .until = boot_time(3'500'000'000),
                                                .lost = GetParam().lost});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule(), "monitoring-gap");
  EXPECT_EQ(findings[0].severity(), GetParam().severity);
  EXPECT_EQ(findings[0].identity().kind(), "host");
  const v1::GapRef& gap = findings[0].object().gap();
  EXPECT_EQ(gap.cause(), cause_name(GetParam().cause));
  EXPECT_EQ(gap.object(), "exec");
  EXPECT_EQ(gap.from(), "1970-01-01T00:00:01.000000000Z");
  EXPECT_EQ(gap.until(), "1970-01-01T00:00:03.500000000Z");
  EXPECT_EQ(gap.lost(), GetParam().lost);
  EXPECT_EQ(findings[0].mapping().attack(0), "T1562.001");
}

INSTANTIATE_TEST_SUITE_P(Causes, MonitoringGapCause,
                         ::testing::Values(Row{"ring", GapCause::kRingFull, 3, "high"},
                                           Row{"quota", GapCause::kQuotaSpent, 3, "medium"},
                                           Row{"probe", GapCause::kProbeDetached, 0, "critical"},
                                           Row{"map", GapCause::kMapChanged, 0, "critical"},
                                           Row{"stopped", GapCause::kAgentStopped, 0, "high"},
                                           Row{"delayed", GapCause::kAgentDelayed, 0, "low"},
                                           Row{"traced", GapCause::kAgentTraced, 0, "critical"},
                                           Row{"self_test", GapCause::kSelfTestMissing, 0, "high"},
                                           Row{"call", GapCause::kCallRefused, 0, "critical"},
                                           Row{"missed", GapCause::kRunsMissed, 0, "medium"}),
                         [](const auto& row) { return std::string(row.param.name); });

class MonitoringGap : public ::testing::Test {
 protected:
  static DetectorSettings settings() {
    DetectorSettings settings;
    settings.own_tgids = {kAgent, kHelper};
    return settings;
  }
  std::vector<v1::Finding> reach(std::uint32_t target, std::int32_t result = 0,
                                 std::uint16_t op = PTRACE_ACCESS) {
    PrivilegeUse use;
    use.op = op;
    use.target_tgid = target;
    use.result = result;
    return scene.use_privilege(app(cart, "/usr/bin/gdb"), EVENT_ptrace, use);
  }

  Scene scene{"monitoring_gap", Scene::default_settings(), settings()};
  Pod cart = make_pod("cart");
  Gap spent{.cause = GapCause::kQuotaSpent,
            .object = "connect",
            .text = {},
            .from = boot_time(0),
            .until = boot_time(2'000'000'000),
            .lost = 1234};
};

TEST_F(MonitoringGap, SaysWhoseEventsWereLostAndHowMany) {
  const auto findings = scene.gap(cart, spent);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].identity().owner_name(), "cart");
  EXPECT_EQ(findings[0].instance().pod(), "cart-7d9-x2x");
  EXPECT_EQ(findings[0].why(),
            "In shop/cart/server (pod cart-7d9-x2x), within 2.0 s: 1234 connect events were not "
            "sent because its quota was spent.");
  EXPECT_EQ(findings[0].evidence(0).text(), "quota-spent connect: 1234 events lost");
}

TEST_F(MonitoringGap, IsSaidOncePerCauseAndOwnerWithinTheCoolDown) {
  EXPECT_EQ(scene.gap(cart, spent).size(), 1U);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(scene.gap(cart, spent).empty());
  EXPECT_EQ(scene.gap(make_pod("shop"), spent).size(), 1U);
  Gap full = spent;
  full.cause = GapCause::kRingFull;
  EXPECT_EQ(scene.gap(cart, full).size(), 1U);
  spent.until += std::chrono::hours(1);
  EXPECT_EQ(scene.gap(cart, spent).size(), 1U);
}

TEST_F(MonitoringGap, NamesWhoReachesIntoTheAgent) {
  const auto findings = reach(kAgent);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "critical");
  EXPECT_EQ(findings[0].subject().executable(), "/usr/bin/gdb");
  EXPECT_THAT(findings[0].why(), HasSubstr("may read and write the agent's memory"));
  EXPECT_EQ(reach(kHelper).size(), 0U);  // the same subject: within the cool-down
}

TEST_F(MonitoringGap, AnAttemptThatWasRefusedIsHigh) {
  const auto findings = reach(kHelper, -EPERM);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity(), "high");
}

TEST_F(MonitoringGap, IsSilentAboutWhatIsDoneToOthers) {
  EXPECT_TRUE(reach(4711).empty());
  EXPECT_TRUE(reach(0).empty());
  EXPECT_TRUE(reach(kAgent, 0, PTRACE_OFFER).empty());
}

TEST_F(MonitoringGap, IsSilentAboutACauseThatNobodyKnows) {
  EXPECT_TRUE(scene.gap(cart, Gap{}).empty());
}

TEST_F(MonitoringGap, IsSilentAboutOrdinaryActs) {
  EXPECT_TRUE(scene.exec(app(cart)).empty());
  EXPECT_TRUE(scene.read(app(cart), token_of(cart)).empty());
  EXPECT_TRUE(scene.connect(app(cart), {.address = "10.0.0.1"}).empty());
}

}  // namespace
}  // namespace idtrail::test
