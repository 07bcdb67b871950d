// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>

#include "cli/output.h"
#include "cli/table.h"

namespace idtrail {
namespace {

TEST(Table, AlignsColumnsByCharacters) {
  Table table({"NAME", "STATE"});
  table.add({"é", "ok"});
  table.add({"longer", "failed"});
  EXPECT_EQ(table.render(false),
            "NAME     STATE\n"
            "é        ok\n"
            "longer   failed\n");
}

TEST(Table, NeverPassesAnEscapeToTheTerminal) {
  Table table({"NAME"});
  table.add({"a\x1b[2Jb\nc\xff"});
  const auto text = table.render(false);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Table, ColoursWithoutMovingColumns) {
  Table table({"STATE", "X"});
  table.add({{"ok", Tone::kGood}, "1"});
  EXPECT_EQ(table.render(true), "STATE   X\n\033[32mok\033[0m      1\n");
}

TEST(Shorten, CountsCharactersAndMarksTheCut) {
  EXPECT_EQ(shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(shorten("abcdefg", 6), "abcde…");
  EXPECT_EQ(shorten("ééééé", 3), "éé…");
}

TEST(Severity, HasAnOrder) {
  EXPECT_LT(severity_rank("low"), severity_rank("critical"));
  EXPECT_EQ(severity_rank("grave"), -1);
}

TEST(FailOn, EndsWithFiveFromTheSeverityUpwards) {
  v1::FindingsReply reply;
  reply.add_findings()->set_severity("high");
  const auto& findings = reply.findings();
  EXPECT_EQ(exit_code_for(findings, ""), 0);
  EXPECT_EQ(exit_code_for(findings, "high"), 5);
  EXPECT_EQ(exit_code_for(findings, "medium"), 5);
  EXPECT_EQ(exit_code_for(findings, "critical"), 0);
}

}  // namespace
}  // namespace idtrail
