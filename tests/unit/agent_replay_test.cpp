// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "agent/decode/redact_record.h"
#include "agent/pipeline.h"
#include "agent/recording/reader.h"
#include "agent/recording/recorder.h"
#include "agent/replay.h"
#include "core/detect/finding.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail {
namespace {

using testing::Bytes;
using testing::Tape;

struct Outcome {
  std::string lines;
  std::multiset<std::string> rules;
  ReplayReport report;
};

Outcome run(std::span<const std::byte> recording) {
  Outcome outcome;
  auto report = replay(recording, [&](const v1::Finding& finding) {
    outcome.lines += to_json_line(finding) + "\n";
    outcome.rules.insert(finding.rule());
  });
  EXPECT_TRUE(report);
  if (report) outcome.report = *report;
  return outcome;
}

Bytes play(bool attacked, bool late = false) {
  Tape tape;
  testing::play_pod(tape, attacked, late);
  return tape.bytes();
}

std::string read_file(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Replay, APodThatOnlyBehavesIsSilent) {
  const Outcome outcome = run(play(false));
  EXPECT_EQ(outcome.lines, "");
  EXPECT_EQ(outcome.report.counters.unresolved[EVENT_credential], 0U);
}

TEST(Replay, AStolenTokenIsFoundStepByStep) {
  const Outcome outcome = run(play(true));
  EXPECT_GE(outcome.rules.count("credential-read-novel"), 1U);
  EXPECT_GE(outcome.rules.count("credential-then-connect"), 1U);
  EXPECT_GE(outcome.rules.count("exec-drift"), 1U);
  EXPECT_NE(outcome.lines.find("web-sa"), std::string::npos);
}

TEST(Replay, SaysTheSameEveryTime) {
  const Bytes recording = play(true);
  EXPECT_EQ(run(recording).lines, run(recording).lines);
}

TEST(Replay, SaysWhatTheLivePipelineSaid) {
  const Bytes inputs = play(true, true);
  const auto file = std::filesystem::path(::testing::TempDir()) / "idtrail-live.rec";
  std::string lines;
  {
    auto recorder = Recorder::create(file, testing::snapshot(), true);
    ASSERT_TRUE(recorder);
    Pipeline pipeline(testing::snapshot());
    auto reader = FrameReader::open(inputs);
    (void)reader->next();
    for (auto frame = reader->next(); *frame; frame = reader->next()) {
      v1::Fact fact;
      if ((*frame)->type == recording::FrameType::kRecord) {
        (*recorder)->record((*frame)->payload);
        pipeline.on_record((*frame)->payload);
      } else {
        const auto& payload = (*frame)->payload;
        ASSERT_TRUE(fact.ParseFromArray(payload.data(), static_cast<int>(payload.size())));
        (*recorder)->fact(fact);
        pipeline.on_fact(fact);
      }
      (void)pipeline.take_look_ups();
      for (const auto& finding : pipeline.take_findings()) lines += to_json_line(finding) + "\n";
    }
    pipeline.finish();
    for (const auto& finding : pipeline.take_findings()) lines += to_json_line(finding) + "\n";
  }
  std::string replayed;
  const auto report =
      replay(file, [&](const v1::Finding& finding) { replayed += to_json_line(finding) + "\n"; });
  std::filesystem::remove(file);
  ASSERT_TRUE(report);
  EXPECT_NE(lines, "");
  EXPECT_EQ(replayed, lines);
}

TEST(Replay, AnAnswerThatComesLateChangesNoFinding) {
  const Outcome early = run(play(true));
  const Outcome late = run(play(true, true));
  EXPECT_EQ(early.rules, late.rules);
  EXPECT_GT(late.report.counters[Counter::parked], 0U);
}

TEST(Replay, OfAGoldenRecordingIsTheGoldenFindings) {
  for (const std::string name : {"pod_behaves", "pod_attacked", "answer_late"}) {
    const std::string stem = std::string(IDTRAIL_TEST_DATA) + "/golden/" + name;
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
      const Bytes made = play(name != "pod_behaves", name == "answer_late");
      std::ofstream(stem + ".bin", std::ios::binary)
          .write(reinterpret_cast<const char*>(made.data()),
                 static_cast<std::streamsize>(made.size()));
      std::ofstream(stem + ".jsonl", std::ios::binary) << run(made).lines;
    }
    const std::string recording = read_file(stem + ".bin");
    ASSERT_FALSE(recording.empty()) << stem;
    EXPECT_EQ(run(std::as_bytes(std::span(recording))).lines, read_file(stem + ".jsonl")) << name;
  }
}

TEST(Replay, OfARecordingCutAtAnyFrameSaysWhatCameBefore) {
  const Bytes all = play(true);
  const std::string lines = run(all).lines;
  auto reader = FrameReader::open(all);
  ASSERT_TRUE(reader);
  (void)reader->next();  // the snapshot, without which nothing can be replayed
  std::size_t offset = 0;
  while (auto frame = reader->next()) {
    if (!*frame) break;
    offset = static_cast<std::size_t>((*frame)->payload.data() - all.data());
    const Outcome cut = run(std::span(all).first(offset));  // in the middle of its header
    ASSERT_TRUE(cut.report.damage);
    EXPECT_EQ(cut.report.damage->code, Errc::kCorrupt);
    EXPECT_TRUE(lines.starts_with(cut.lines));
  }
}

TEST(Replay, OfAnythingElseIsAnError) {
  EXPECT_FALSE(replay(std::span<const std::byte>(), nullptr));
  const Bytes noise(4096, std::byte{0x5a});
  EXPECT_FALSE(replay(noise, nullptr));
  EXPECT_FALSE(replay(std::filesystem::path("/no/such/file"), nullptr));
  EXPECT_FALSE(replay(std::filesystem::path("/tmp"), nullptr));
}

TEST(Replay, NoSecretOfACommandLineReachesRecordingOrFindings) {
  const std::string secret = "hunter2hunter2";
  Redactor redactor;
  Tape plain;
  testing::Story story(plain);
  plain.feed(testing::cgroup_record({}, testing::kCgroupA, testing::kPodCgroup, testing::path_a()));
  plain.fact(testing::container_fact(testing::kIdA, testing::kPodUid));
  const testing::Act app = story.enter(testing::kCgroupA, 200, testing::kNodeJs);
  testing::Program leak = testing::kDropped;
  leak.args = "curl" + std::string(1, '\0') + "--password=" + secret;
  leak.cwd = "/tmp?token=" + secret;
  Bytes record = testing::exec_record(
      {.at = story.now(), .cgroup = app.cgroup, .tgid = 300, .start = 3}, leak, app);
  (void)redact_record(record, redactor);
  plain.feed(record);
  const auto& bytes = plain.bytes();
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_EQ(text.find(secret), std::string::npos);
  const Outcome outcome = run(bytes);
  EXPECT_GE(outcome.rules.count("exec-drift"), 1U);
  EXPECT_EQ(outcome.lines.find(secret), std::string::npos);
}

TEST(Replay, LossIsSaidOnEveryLaterFinding) {
  Tape tape;
  v1::Fact loss;
  for (int i = 0; i < EVENT_KINDS; ++i) loss.mutable_loss()->add_dropped(i == EVENT_exec ? 3 : 0);
  tape.fact(loss);
  testing::play_pod(tape, true);
  const Outcome outcome = run(tape.bytes());
  EXPECT_EQ(outcome.report.counters.dropped[EVENT_exec], 3U);
  EXPECT_NE(outcome.lines.find("\"dropped\":3"), std::string::npos);
}

}  // namespace
}  // namespace idtrail
