// SPDX-License-Identifier: Apache-2.0
#include "agent/replay.h"

#include <utility>

#include "agent/pipeline.h"
#include "agent/recording/reader.h"
#include "idtrail/recording.pb.h"

namespace idtrail {
namespace {

using recording::FrameType;

// What a live agent hands to its sources a replay throws away, now and then. Changes to baselines
// may stay where they are: they are marks on what the pipeline holds anyway.
constexpr std::uint64_t kInputsBetweenEmptying = 4096;

bool parse(const Frame& frame, v1::Fact& fact) {
  return fact.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()));
}

Error no_fact() { return {Errc::kCorrupt, "the recording is damaged: a frame holds no Fact"}; }

/// The snapshot that every recording begins with.
Result<v1::SnapshotFact> first_frame(FrameReader& reader) {
  Result<std::optional<Frame>> frame = reader.next();
  if (!frame) return frame.error();
  v1::Fact fact;
  const bool read = *frame && (*frame)->type == FrameType::kFact && parse(**frame, fact);
  if (!read || !fact.has_snapshot()) {
    return Error{Errc::kCorrupt, "the recording does not begin with a snapshot"};
  }
  return fact.snapshot();
}

class Replay {
 public:
  Replay(const v1::SnapshotFact& snapshot, const OnFinding& on_finding)
      : pipeline_(snapshot), on_finding_(on_finding) {}

  /// Everything up to the end or the first damage.
  void run(FrameReader& reader) {
    for (;;) {
      Result<std::optional<Frame>> frame = reader.next();
      if (!frame) report_.damage = frame.error();
      if (!frame || !*frame) break;
      if (!feed(**frame)) {
        report_.damage = no_fact();
        break;
      }
    }
    pipeline_.finish();
    empty();
  }

  ReplayReport report() {
    report_.counters = pipeline_.counters();
    report_.coverage = pipeline_.coverage();
    report_.top = pipeline_.top();
    return std::move(report_);
  }

 private:
  bool feed(const Frame& frame) {
    if (frame.type == FrameType::kRecord) {
      ++report_.records;
      pipeline_.on_record(frame.payload);
    } else {
      if (!parse(frame, fact_)) return false;
      ++report_.facts;
      pipeline_.on_fact(fact_);
    }
    if ((report_.records + report_.facts) % kInputsBetweenEmptying == 0) empty();
    return true;
  }

  void empty() {
    for (const v1::Finding& finding : pipeline_.take_findings()) {
      ++report_.findings;
      if (on_finding_) on_finding_(finding);
    }
    (void)pipeline_.take_look_ups();
  }

  Pipeline pipeline_;
  const OnFinding& on_finding_;
  v1::Fact fact_;
  ReplayReport report_;
};

}  // namespace

Result<ReplayReport> replay(std::span<const std::byte> recording, const OnFinding& on_finding) {
  Result<FrameReader> reader = FrameReader::open(recording);
  if (!reader) return reader.error();
  const Result<v1::SnapshotFact> snapshot = first_frame(*reader);
  if (!snapshot) return snapshot.error();
  Replay run(*snapshot, on_finding);
  run.run(*reader);
  return run.report();
}

Result<ReplayReport> replay(const std::filesystem::path& file, const OnFinding& on_finding) {
  const Result<MappedFile> mapped = MappedFile::open(file);
  if (!mapped) return mapped.error();
  return replay(mapped->bytes(), on_finding);
}

}  // namespace idtrail
