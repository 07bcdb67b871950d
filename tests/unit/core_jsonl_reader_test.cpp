// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <gtest/gtest.h>

#include "core/sink/jsonl_reader.h"

namespace idtrail {
namespace {

constexpr const char* kGood = R"({"id":"1","rule":"exec-novel","severity":"high"})";

struct Read {
  JsonlReport report;
  std::vector<v1::Finding> findings;
};

Read read(const std::string& text) {
  std::istringstream in(text);
  Read out;
  out.report = read_findings(in, [&](v1::Finding one) { out.findings.push_back(std::move(one)); });
  return out;
}

TEST(JsonlReader, ReadsOneFindingPerLine) {
  const Read got = read(std::string(kGood) + "\n" + kGood + "\n");
  ASSERT_EQ(got.findings.size(), 2U);
  EXPECT_EQ(got.findings[0].severity(), "high");
  EXPECT_EQ(got.report.malformed, 0U);
}

TEST(JsonlReader, KeepsTheOthersWhenALineIsMalformedAndNamesIt) {
  const Read got = read(std::string("{\"id\":\n") + kGood + "\nnot json\n\n" + kGood);
  EXPECT_EQ(got.findings.size(), 2U);
  EXPECT_EQ(got.report.malformed, 2U);
  ASSERT_EQ(got.report.first_bad.size(), 2U);
  EXPECT_EQ(got.report.first_bad[0].number, 1U);
  EXPECT_EQ(got.report.first_bad[1].number, 3U);
  EXPECT_FALSE(got.report.first_bad[1].why.empty());
}

TEST(JsonlReader, IgnoresFieldsOfALaterVersion) {
  EXPECT_EQ(read(R"({"id":"1","rule":"x","later":{"a":[1]}})").findings.size(), 1U);
}

TEST(JsonlReader, RefusesWhatIsNoFinding) {
  for (const char* line : {"{}", "[]", "1", "null", R"({"id":"1"})", R"({"id":7,"rule":[]})",
                           "{\"id\":\"\xff\",\"rule\":\"x\"}"}) {
    const Read got = read(line);
    EXPECT_EQ(got.report.malformed, 1U) << line;
    EXPECT_TRUE(got.findings.empty()) << line;
  }
}

TEST(JsonlReader, SkipsALineThatIsTooLongAndGoesOn) {
  const std::string text = std::string(JsonlReport::kMaxLineBytes + 1, 'x') + "\n" + kGood + "\n";
  const Read got = read(text);
  EXPECT_EQ(got.findings.size(), 1U);
  ASSERT_EQ(got.report.first_bad.size(), 1U);
  EXPECT_NE(got.report.first_bad[0].why.find("longer than"), std::string::npos);
}

TEST(JsonlReader, KeepsOnlyTheFirstBadLinesButCountsAll) {
  std::string text;
  for (int line = 0; line < 100; ++line) text += "x\n";
  const Read got = read(text);
  EXPECT_EQ(got.report.malformed, 100U);
  EXPECT_EQ(got.report.first_bad.size(), JsonlReport::kBadLinesKept);
}

TEST(JsonlReader, TakesDeepNestingForMalformed) {
  EXPECT_EQ(read(std::string(100'000, '[')).report.malformed, 1U);
  std::string deep;
  for (int level = 0; level < 5000; ++level) deep += "{\"a\":";
  EXPECT_EQ(read(deep).report.malformed, 1U);
}

TEST(JsonlReader, SaysThatAFileIsMissing) {
  const auto got = read_findings("/nonexistent/findings.jsonl", [](v1::Finding) {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kNotFound);
}

TEST(JsonlReader, ReadsTheGoldenFinding) {
  std::size_t count = 0;
  const auto got = read_findings(std::filesystem::path(IDTRAIL_TEST_DATA "/golden/finding.jsonl"),
                                 [&](const v1::Finding& one) {
                                   ++count;
                                   EXPECT_EQ(one.evidence_size(), 2);
                                 });
  ASSERT_TRUE(got);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(got->malformed, 0U);
}

}  // namespace
}  // namespace idtrail
