// SPDX-License-Identifier: Apache-2.0
// The cache of verdicts: what user space wrote is found by the programs, so both forms of the key
// are one; what differs in anything is sent.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "idtrail/behaviour.h"
#include "tests/bpf/act.h"
#include "tests/bpf/cgroup.h"

namespace idtrail::test {
namespace {

behaviour common_of(const Record& record) {
  behaviour one{};
  one.cgroup_id = record.header.cgroup_id;
  one.lineage = record.header.lineage;
  one.kind = static_cast<__u8>(record.header.kind);
  return one;
}

behaviour read_of(const Record& record) {
  const auto payload = record.payload<credential_payload>();
  behaviour one = common_of(record);
  credential_object(&one, &payload.file, payload.volume_generation, payload.open_flags,
                    payload.flags);
  return one;
}

behaviour connect_of(const Record& record) {
  const auto payload = record.payload<connect_payload>();
  behaviour one = common_of(record);
  __u64 destination[2];
  std::memcpy(destination, payload.dst, sizeof(destination));
  connect_object(&one, destination, payload.dst_port, payload.family, payload.protocol,
                 payload.result);
  return one;
}

/// A sensor that reports this very process, and a volume with two files.
class KnownTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened =
        Sensor::open({.only = {"cgroup", "mount", "credential", "connect"}, .skip_tgid = 1});
    ASSERT_TRUE(opened) << opened.error().message;
    sensor_ = std::make_unique<Sensor>(std::move(*opened));
    volume_ = std::make_unique<Tmpfs>(folder_ / "volume");
    write_file(token_, "secret");
    write_file(other_, "secret");
    const std::uint32_t device = volume_->device();
    ASSERT_TRUE(sensor_->set_volume(device, VOLUME_CREDENTIAL, sensor_->volume_generation(device)));
    ASSERT_TRUE(sensor_->open_books(own_cgroup_id()));
    seen();
  }

  Records seen() { return drain(*sensor_); }
  Records reads() { return select(seen(), EVENT_credential); }
  static void read(const std::string& path, int flags = O_RDONLY) {
    const int file = open(path.c_str(), flags);
    EXPECT_GE(file, 0) << path;
    close(file);
  }
  /// To a port of the loopback where nobody listens.
  static void connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_NE(connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    close(socket);
  }
  /// One act, which is reported and then judged known.
  void know(behaviour (*of)(const Record&), const Record& record) {
    key_ = sensor_->known().key_of(of(record));
    place_ = sensor_->known().insert(key_).place;
  }
  /// Known and not sent since the last call.
  std::uint64_t harvested() { return sensor_->known().harvest(place_, key_); }
  std::uint64_t delivered(event_kind kind) {
    std::uint64_t count = 0;
    EXPECT_TRUE(sensor_->books([&](const CgroupBooks& books) {
      if (books.cgroup_id == own_cgroup_id()) count = books.counts[kind][OUTCOME_DELIVERED];
    }));
    return count;
  }

  Folder folder_;
  std::unique_ptr<Sensor> sensor_;
  std::unique_ptr<Tmpfs> volume_;
  std::string token_ = folder_ / "volume/token";
  std::string other_ = folder_ / "volume/other";
  std::uint64_t key_ = 0;
  KnownTable::Place place_ = 0;
};

TEST_F(KnownTest, AKnownReadIsCountedAndNotSent) {
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  know(read_of, first[0]);
  constexpr std::uint64_t kReads = 8;
  for (std::uint64_t i = 0; i < kReads; ++i) read(token_);
  EXPECT_TRUE(reads().empty());
  EXPECT_EQ(harvested(), kReads);
  EXPECT_EQ(harvested(), 0U) << "each hit is handed over once";
  read(token_);
  EXPECT_EQ(sensor_->known().erase(place_, key_), 1U);
  read(token_);
  EXPECT_EQ(reads().size(), 1U) << "without its verdict it is sent again";
}

TEST_F(KnownTest, WhatDiffersInAnythingIsSent) {
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  know(read_of, first[0]);
  read(other_);
  EXPECT_EQ(reads().size(), 1U) << "another file";
  read(token_, O_RDWR);
  EXPECT_EQ(reads().size(), 1U) << "another access mode";
  in_child([&] {
    read(token_);
    return 0;
  });
  EXPECT_EQ(reads().size(), 1U) << "a process of which nobody knows whom it descends from";
  EXPECT_EQ(harvested(), 0U);
}

TEST_F(KnownTest, AProcessThatMovesToAnotherCgroupLeavesItsVerdictsBehind) {
  const Cgroup other("known-other");
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  know(read_of, first[0]);
  other.enter();
  read(token_);
  const Records there = reads();
  write_file(cgroup_root() + "/bpf-tests/cgroup.procs", "0");
  read(token_);
  ASSERT_EQ(there.size(), 1U);
  EXPECT_EQ(there[0].header.cgroup_id, other.id());
  EXPECT_TRUE(reads().empty());
  EXPECT_EQ(harvested(), 1U) << "back where it was";
}

TEST_F(KnownTest, TheTrickleAndTheBooksBalance) {
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  know(read_of, first[0]);
  constexpr std::uint64_t kReads = 4 * KNOWN_SAMPLE;
  const std::uint64_t before = delivered(EVENT_credential);
  std::uint64_t known = 0;
  for (std::uint64_t i = 0; i < kReads; ++i) {
    read(token_);
    if (i % 1000 == 0) known += harvested();  // does not put the next sample off
  }
  const Records sampled = reads();
  EXPECT_EQ(sampled.size(), kReads / KNOWN_SAMPLE);
  for (const Record& record : sampled) EXPECT_EQ(record.header.flags, EVENT_SAMPLED);
  EXPECT_EQ(known + harvested() + sampled.size(), kReads);
  EXPECT_EQ(delivered(EVENT_credential), before + sampled.size());
}

TEST_F(KnownTest, AKnownConnectIsSentAfterAReadThatWas) {
  connect_to(9);
  const Records first = select(seen(), EVENT_connect);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].payload<connect_payload>().result, -ECONNREFUSED);
  know(connect_of, first[0]);
  connect_to(9);
  EXPECT_TRUE(select(seen(), EVENT_connect).empty());
  EXPECT_EQ(harvested(), 1U);
  connect_to(10);
  EXPECT_EQ(select(seen(), EVENT_connect).size(), 1U) << "another port";
  read(token_);
  connect_to(9);
  EXPECT_EQ(select(seen(), EVENT_connect).size(), 1U) << "its cgroup is on the alert";
}

TEST_F(KnownTest, AReadOfAnUnknownVolumeIsNeverKnown) {
  ASSERT_TRUE(sensor_->forget_volume(volume_->device()));
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_NE(first[0].payload<credential_payload>().flags & CREDENTIAL_UNKNOWN_VOLUME, 0U);
}

}  // namespace
}  // namespace idtrail::test
