// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

v1::Finding sample() {
  Scene scene{"credential_then_connect"};
  const Pod cart = make_pod("cart");
  const Actor server = app(cart);
  Actor shell = subtree(server, "/bin/busybox", "sh");
  shell.process.tgid = shell.tree.tgid = 4711;
  scene.read(server, token_of(cart));
  scene.connect(server, {"10.96.0.1"});
  scene.make_ready(server);
  scene.read(shell, token_of(cart));
  scene.pass(std::chrono::milliseconds(5));
  return scene.connect(shell, {"203.0.113.9"}).at(0);
}

/// The line's keys are a contract with whoever reads findings: UPDATE_GOLDEN=1 rewrites the file
/// where a change is meant.
TEST(FindingJson, IsTheGoldenLine) {
  const std::string file = IDTRAIL_TEST_DATA "/golden/finding.jsonl";
  const std::string line = to_json_line(sample()) + "\n";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(file, std::ios::binary) << line;
  std::stringstream golden;
  golden << std::ifstream(file, std::ios::binary).rdbuf();
  EXPECT_EQ(line, golden.str());
}

TEST(FindingJson, HasEveryFieldThoughEmpty) {
  const std::string line = to_json_line(v1::Finding());
  EXPECT_EQ(line,
            R"({"id":"","rule":"","title":"","severity":"","confidence":"","time":"","why":"",)"
            R"("evidence":[],"respond":[]})");
}

TEST(FindingJson, StaysOnOneLineAndReplacesInvalidUtf8) {
  v1::Finding finding;
  finding.set_id("a\nb");
  finding.mutable_object()->mutable_executable()->add_arguments("\xff!");
  const std::string line = to_json_line(finding);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("a\\nb"), std::string::npos);
  EXPECT_NE(line.find("\uFFFD!"), std::string::npos) << line;
}

}  // namespace
}  // namespace idtrail::test
