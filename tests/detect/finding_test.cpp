// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/common/text.h"
#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class FindingTest : public ::testing::Test {
 protected:
  v1::Finding first(const std::vector<v1::Finding>& findings) {
    EXPECT_EQ(findings.size(), 1U);
    return findings.empty() ? v1::Finding() : findings[0];
  }

  Scene scene{"exec_drift"};
  Pod cart = make_pod("cart");
  Actor tool = with_origin(subtree(app(cart), "/tmp/tool"), Origin::kUpper);
};

TEST_F(FindingTest, CarriesEverythingThatAReaderNeeds) {
  const v1::Finding finding = first(scene.exec(tool, std::string_view("tool\0-x", 7)));
  EXPECT_EQ(finding.id().size(), 16U);
  EXPECT_EQ(finding.time(), "1970-01-01T00:00:01.000000000Z");
  EXPECT_EQ(finding.identity().namespace_(), "shop");
  EXPECT_EQ(finding.identity().service_account(), "cart");
  EXPECT_EQ(finding.identity().id(), hex64(cart.id));
  EXPECT_EQ(finding.instance().pod(), "cart-7d9-x2x");
  EXPECT_EQ(finding.subject().pid(), tool.process.tgid);
  EXPECT_EQ(finding.subject().lineage(0), "/app/server");
  EXPECT_EQ(finding.object().executable().arguments(1), "-x");
  EXPECT_EQ(finding.evidence_size(), 1);
  EXPECT_EQ(finding.evidence(0).text(), "/tmp/tool < /app/server ran: tool -x");
  EXPECT_EQ(finding.baseline_diff().state(), "learning");
  EXPECT_EQ(finding.verdict().rbac(), "unknown");
  EXPECT_EQ(finding.verdict().policy(), "unknown");
}

TEST_F(FindingTest, IsTheSameOverReplays) {
  const auto once = [this] {
    Scene replay{"exec_drift"};
    return to_json_line(first(replay.exec(tool)));
  };
  EXPECT_EQ(once(), once());
}

TEST_F(FindingTest, IsSaidOnceWithinTheCoolDown) {
  EXPECT_EQ(scene.exec(tool).size(), 1U);
  scene.pass(std::chrono::minutes(59));
  EXPECT_TRUE(scene.exec(tool).empty());
  scene.pass(std::chrono::minutes(1));
  EXPECT_EQ(scene.exec(tool).size(), 1U);
}

TEST_F(FindingTest, IsSaidAgainForAnotherPodSubjectOrObject) {
  EXPECT_EQ(scene.exec(tool).size(), 1U);
  const Pod replica = make_pod("cart", "7d9-zzz");
  Actor elsewhere = tool;
  elsewhere.pod = &replica;
  EXPECT_EQ(scene.exec(elsewhere).size(), 1U);
  EXPECT_EQ(scene.exec(with_origin(child(tool, "/tmp/tool"), Origin::kUpper)).size(), 1U);
  EXPECT_EQ(scene.exec(with_origin(subtree(app(cart), "/tmp/b"), Origin::kUpper)).size(), 1U);
}

TEST_F(FindingTest, HasItsOwnIdEachTime) {
  const std::string early = first(scene.exec(tool)).id();
  scene.pass(std::chrono::hours(1));
  EXPECT_NE(first(scene.exec(tool)).id(), early);
}

TEST_F(FindingTest, NamesTheFrameworksForEveryRule) {
  const v1::Finding finding = first(scene.exec(tool));
  EXPECT_THAT(finding.mapping().attack(), Contains("T1105"));
  EXPECT_THAT(finding.mapping().owasp_nhi_2025(), Contains("NHI3"));
  EXPECT_THAT(finding.mapping().csf(), Contains("DE.CM-09"));
  EXPECT_THAT(finding.mapping().zt(), Contains("ZT5"));
  EXPECT_FALSE(finding.mapping().source_ref().empty());
  for (const std::string& published : finding.mapping().owasp_nhi_2025()) {
    EXPECT_EQ(published.find('-'), std::string::npos) << "a source text's own number";
  }
}

TEST_F(FindingTest, AnswersWithCommandsForThePod) {
  const v1::Finding finding = first(scene.exec(tool));
  EXPECT_THAT(finding.respond(),
              Contains("kubectl --namespace=shop get pod/cart-7d9-x2x --output=yaml"));
  EXPECT_THAT(finding.respond(), Contains("kubectl --namespace=shop delete pod/cart-7d9-x2x"));
  EXPECT_THAT(finding.respond(), Contains(HasSubstr("idtrail.io/quarantine=true")));
}

TEST_F(FindingTest, QuotesNamesThatAWorkloadChose) {
  cart.identity.namespace_name = "a'; rm -rf /; '";
  cart.instance.pod_name = "--all";
  const v1::Finding finding = first(scene.exec(tool));
  EXPECT_THAT(finding.respond(), Contains("kubectl --namespace='a'\\''; rm -rf /; '\\''' delete "
                                          "pod/--all"));
}

TEST_F(FindingTest, GivesNoCommandForANameThatActsOnATerminal) {
  cart.instance.pod_name = "cart\x1b[2J";
  EXPECT_TRUE(first(scene.exec(tool)).respond().empty());
}

TEST_F(FindingTest, StopsTheProcessWhereThereIsNoKubernetes) {
  cart.identity.kind = IdentityKind::kContainer;
  const v1::Finding finding = first(scene.exec(tool));
  EXPECT_THAT(finding.respond(), Contains("kill -STOP " + std::to_string(tool.process.tgid)));
}

TEST_F(FindingTest, NamesTheVictimsPodWhereACredentialWasStolen) {
  Scene stolen{"credential_read_novel"};
  const Pod thief = make_pod("thief");
  const v1::Finding finding = first(stolen.read(app(thief), token_of(cart)));
  EXPECT_THAT(finding.respond(), Contains("kubectl --namespace=shop delete pod/cart-7d9-x2x"));
  EXPECT_THAT(finding.respond(), Contains("kubectl --namespace=shop delete pod/thief-7d9-x2x"));
  EXPECT_THAT(finding.respond(), Contains("kubectl --namespace=shop auth can-i --list "
                                          "--as=system:serviceaccount:shop:cart"));
}

TEST_F(FindingTest, ShowsControlCharactersToPeopleAndKeepsFieldsValid) {
  Actor evil = with_origin(subtree(app(cart), "/tmp/\x1b[31m\xff\u202e"), Origin::kUpper);
  const v1::Finding finding = first(scene.exec(evil));
  EXPECT_THAT(finding.title(), HasSubstr("/tmp/\\x1b[31m\\xff\\u202e"));
  EXPECT_EQ(printable(finding.why()).size() - finding.why().size(), 3U);  // backslashes alone
  EXPECT_TRUE(is_valid_utf8(finding.object().executable().path()));
}

TEST_F(FindingTest, ComesInTheOrderOfTheList) {
  std::set<std::string_view> rules;
  for (const DetectorSpec& spec : detector_specs()) rules.insert(spec.rule);
  EXPECT_EQ(rules.size(), detector_specs().size());
  EXPECT_EQ(detector_specs()[0].rule, "exec-novel");
  EXPECT_EQ(make_detectors({}).size(), detector_specs().size());
}

}  // namespace
}  // namespace idtrail::test
