// SPDX-License-Identifier: Apache-2.0
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "agent/api/local_api.h"
#include "agent/recording/recorder.h"
#include "agent/sources/queue.h"
#include "core/detect/finding.h"
#include "idtrail/events.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

using testing::HasSubstr;

struct Ended {
  int code = -1;
  std::string out;
  std::string err;
};

/// Runs the program itself. Arguments hold nothing that a shell would take for more than a word.
class Cli : public testing::Test {
 protected:
  Ended run(const std::string& arguments) const {
    const std::string command = std::string(IDTRAIL_CLI) + " " + arguments + " >" +
                                (dir_ / "out").string() + " 2>" + (dir_ / "err").string() +
                                " </dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c)
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("out"), text("err")};
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream in(dir_ / name, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
  }
  static v1::Finding finding(const char* id, const char* severity) {
    v1::Finding finding;
    finding.set_id(id);
    finding.set_rule("exec-novel");
    finding.set_title("a new program\x1b[31m");
    finding.set_severity(severity);
    finding.mutable_identity()->set_namespace_("shop");
    finding.add_respond("kubectl -n shop get pods");
    return finding;
  }
  [[nodiscard]] std::string file(const std::string& lines) const {
    dir_.write("findings.jsonl", lines);
    return (dir_ / "findings.jsonl").string();
  }
  /// A recording of nothing but its snapshot.
  [[nodiscard]] std::string recording() const {
    v1::SnapshotFact snapshot;
    snapshot.set_wire_contract(IDTRAIL_WIRE_CONTRACT);
    const auto path = dir_ / "run.idtrail";
    auto recorder = Recorder::create(path, snapshot);
    EXPECT_TRUE(recorder);
    v1::Fact tick;
    tick.mutable_tick()->set_boot_ns(1);
    (*recorder)->fact(tick);
    EXPECT_TRUE((*recorder)->flush());
    return path.string();
  }

  TestDir dir_;
};

TEST_F(Cli, EndsWithTwoOnWrongUsage) {
  EXPECT_EQ(run("").code, 2);
  EXPECT_EQ(run("toop").code, 2);
  EXPECT_EQ(run("top -o xml").code, 2);
  EXPECT_EQ(run("findings --fail-on grave").code, 2);
  EXPECT_EQ(run("explain").code, 2);
}

TEST_F(Cli, ShowsExamplesInEveryHelp) {
  for (const char* name : {"", "top", "findings", "explain", "baseline show", "baseline export",
                           "coverage", "doctor", "replay"}) {
    const auto ended = run(std::string(name) + " --help");
    EXPECT_EQ(ended.code, 0) << name;
    EXPECT_THAT(ended.out, HasSubstr("Examples:")) << name;
  }
}

TEST_F(Cli, SaysWhatToDoWhereNoAgentRuns) {
  const auto ended = run("top --socket " + (dir_ / "none.sock").string());
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("is idtrail-agent running?"));
}

TEST_F(Cli, ListsAndExplainsTheFindingsOfAFile) {
  const auto path = file(to_json_line(finding("aaaa", "high")) + "\n" +
                         to_json_line(finding("bbbb", "low")) + "\n");
  const auto list = run("findings --file " + path);
  EXPECT_EQ(list.code, 0);
  EXPECT_THAT(list.out, HasSubstr("aaaa"));
  EXPECT_EQ(run("findings --severity high -o jsonl --file " + path).out,
            to_json_line(finding("aaaa", "high")) + "\n");
  EXPECT_EQ(run("findings --fail-on high --file " + path).code, 5);
  EXPECT_EQ(run("findings --fail-on critical --file " + path).code, 0);
  const auto explained = run("explain aa --file " + path);
  EXPECT_EQ(explained.code, 0);
  EXPECT_THAT(explained.out, HasSubstr("kubectl -n shop get pods"));
  EXPECT_EQ(explained.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(run("explain zz --file " + path).code, 1);
}

TEST_F(Cli, KeepsGoodLinesOfABadFileAndEndsWithOne) {
  const auto ended =
      run("findings -o jsonl --file " + file("{\n" + to_json_line(finding("aaaa", "high")) + "\n"));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out, HasSubstr("aaaa"));
  EXPECT_THAT(ended.err, HasSubstr(":1:"));
}

TEST_F(Cli, ReplaysARecording) {
  const auto ended = run("replay " + recording());
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr("0 findings"));
}

TEST_F(Cli, EndsWithOneWhereARecordingIsMissingCutOrNone) {
  EXPECT_EQ(run("replay " + (dir_ / "missing").string()).code, 1);
  const auto path = recording();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const auto cut = run("replay " + path);
  EXPECT_EQ(cut.code, 1);
  EXPECT_THAT(cut.err, HasSubstr("before the damage"));
  dir_.write("text", "this is no recording at all, but it is long enough for its header");
  EXPECT_EQ(run("replay " + (dir_ / "text").string()).code, 1);
}

TEST_F(Cli, AsksTheAgentAtItsSocket) {
  RefusingQueue<std::function<void()>> jobs(8);
  LocalAnswers answers;
  answers.top = [](const v1::TopRequest&) {
    v1::TopReply reply;
    for (const char* name : {"shop", "ops"})
      reply.add_rows()->mutable_identity()->set_namespace_(name);
    return reply;
  };
  answers.findings = [](const v1::FindingsRequest&) {
    v1::FindingsReply reply;
    *reply.add_findings() = finding("aaaa", "high");
    return reply;
  };
  answers.post = [&jobs](std::function<void()> job) { return jobs.push(std::move(job)); };
  const auto socket = dir_ / "run/agent.sock";
  const auto api = LocalApi::open(socket, answers);
  ASSERT_TRUE(api);
  const std::jthread owner([&jobs](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (auto job = jobs.pop(stop, std::chrono::hours(1))) (*job)();
    }
  });
  const auto top = run("--socket " + socket.string() + " top -n shop");
  EXPECT_EQ(top.code, 0) << top.err;
  EXPECT_THAT(top.out, HasSubstr("NAMESPACE"));
  EXPECT_THAT(top.out, HasSubstr("shop"));
  EXPECT_EQ(top.out.find("ops"), std::string::npos);
  EXPECT_EQ(run("findings --fail-on low --socket " + socket.string()).code, 5);
}

}  // namespace
}  // namespace idtrail
