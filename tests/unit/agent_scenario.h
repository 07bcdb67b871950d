// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/recording/format.h"
#include "tests/unit/agent_node.h"

// A day of a small node, as the inputs that the pipeline gets: a web pod that behaves, learns and
// is then attacked from an exec session, and a neighbour that only behaves.
namespace idtrail::testing {

/// Inputs in order; builds a recording's bytes as it goes.
class Tape {
 public:
  Tape() {
    put(bytes_, recording::FileHeader{});
    v1::Fact first;
    *first.mutable_snapshot() = snapshot();
    fact(first);
  }

  void fact(const v1::Fact& one) {
    std::string text;
    one.AppendToString(&text);
    frame(recording::FrameType::kFact, std::as_bytes(std::span(text)));
  }
  void feed(const Bytes& record) { frame(recording::FrameType::kRecord, record); }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  void frame(recording::FrameType type, std::span<const std::byte> payload) {
    put(bytes_, recording::FrameHeader{.type = static_cast<std::uint32_t>(type),
                                       .size = static_cast<std::uint32_t>(payload.size()),
                                       .hash = recording::payload_hash(type, payload)});
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  }
  Bytes bytes_;
};

inline const Program kNodeJs{.path = "/usr/bin/node", .flags = EXEC_OVERLAY};
inline const Program kShellImage{.path = "/bin/sh", .flags = EXEC_OVERLAY};
inline const Program kCurlImage{.path = "/usr/bin/curl", .flags = EXEC_OVERLAY};
inline const Program kDropped{.path = "/tmp/.x/miner", .flags = EXEC_OVERLAY | EXEC_UPPER};

constexpr std::uint32_t kApiServer = 0x0A600001;  // 10.96.0.1
constexpr std::uint32_t kElsewhere = 0xCB007107;  // 203.0.113.7
inline const file_id kToken{.inode = kTokenInode, .device = kTokenDevice, .generation = 0};

class Story {
 public:
  explicit Story(Tape& tape) : tape_(tape) {
    tape_.fact(cgroup_fact(kRootCgroup, 0, "/"));
    tape_.fact(cgroup_fact(kRuntimeCgroup, kRootCgroup, "/system.slice/containerd.service"));
    tape_.fact(cgroup_fact(kPodCgroup, kRootCgroup, pod_path()));
    tape_.fact(process_fact({.tgid = 50,
                             .start = 5,
                             .parent = 1,
                             .cgroup = kRuntimeCgroup,
                             .executable = "/usr/bin/containerd",
                             .host_mntns = true}));
    tape_.fact(token_volume_fact(kTokenDevice, kPodUid, kTokenInode));
  }

  /// A runtime puts a process into the cgroup, which then runs the program.
  Act enter(std::uint64_t cgroup, std::uint32_t tgid, const Program& program) {
    Act act{.at = at_, .cgroup = kRuntimeCgroup, .tgid = tgid, .start = at_};
    tape_.feed(fork_record({.at = at_, .cgroup = kRuntimeCgroup, .tgid = 50, .start = 5}, act));
    tape_.feed(exec_record(act, {.path = "/usr/bin/runc", .flags = EXEC_HOST_MNTNS}));
    act.cgroup = cgroup;
    tape_.feed(exec_record(act, program));
    return act;
  }
  Act run(const Act& parent, std::uint32_t tgid, const Program& program) {
    Act child{.at = at_, .cgroup = parent.cgroup, .tgid = tgid, .start = at_ + tgid};
    Act forker = parent;
    forker.at = at_;
    tape_.feed(fork_record(forker, child));
    tape_.feed(exec_record(child, program));
    return child;
  }
  void read(Act act, const Program& program) {
    act.at = at_;
    tape_.feed(credential_record(act, program, kToken, "token"));
  }
  void connect(Act act, const Program& program, std::uint32_t address, std::uint16_t port) {
    act.at = at_;
    tape_.feed(connect_record(act, program, address, port));
  }
  void pass(std::uint64_t ns) { at_ += ns; }
  [[nodiscard]] std::uint64_t now() const { return at_; }

 private:
  Tape& tape_;
  std::uint64_t at_ = 100 * kSecond;
};

inline void play_pod(Tape& tape, bool attacked, bool late_answer = false) {
  Story story(tape);
  tape.feed(cgroup_record({.at = story.now()}, kCgroupA, kPodCgroup, path_a()));
  if (!late_answer) tape.fact(container_fact(kIdA, kPodUid));
  const Act app = story.enter(kCgroupA, 200, kNodeJs);
  for (int i = 0; i < 20; ++i) {
    story.pass(kSecond);
    story.read(app, kNodeJs);
    story.connect(app, kNodeJs, kApiServer, 443);
    if (late_answer && i == 0) tape.fact(container_fact(kIdA, kPodUid));
  }
  story.pass(120 * kSecond);
  story.read(app, kNodeJs);
  story.connect(app, kNodeJs, kApiServer, 443);
  if (!attacked) return;
  Program session = kShellImage;
  session.flags |= EXEC_TTY;
  session.args = std::string("sh\0-i", 5);
  const Act shell = story.enter(kCgroupA, 400, session);
  const Act thief = story.run(shell, 401, kCurlImage);
  story.read(thief, kCurlImage);
  story.pass(kSecond);
  story.connect(thief, kCurlImage, kElsewhere, 443);
  story.run(shell, 402, kDropped);
  story.pass(kSecond);
}

}  // namespace idtrail::testing
