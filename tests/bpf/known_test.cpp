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

namespace idtrail::test {
namespace {

behaviour common_of(const Record& record, const file_id& exe) {
  behaviour one{};
  one.start_boot_ns = record.header.start_boot_ns;
  one.tgid = record.header.tgid;
  one.kind = record.header.kind;
  one.exe = exe;
  return one;
}

behaviour read_of(const Record& record) {
  const auto payload = record.payload<credential_payload>();
  behaviour one = common_of(record, payload.exe);
  credential_object(&one, &payload.file, payload.volume_generation, payload.open_flags,
                    payload.flags);
  return one;
}

behaviour connect_of(const Record& record) {
  const auto payload = record.payload<connect_payload>();
  behaviour one = common_of(record, payload.exe);
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
  KnownTable::Place know(behaviour (*of)(const Record&), const Record& record) {
    key_ = sensor_->known().key_of(of(record));
    return sensor_->known().insert(key_).place;
  }
  std::uint64_t counted(event_kind kind, outcome what) {
    std::uint64_t count = 0;
    EXPECT_TRUE(sensor_->books([&](const CgroupBooks& books) {
      if (books.cgroup_id == own_cgroup_id()) count = books.counts[kind][what];
    }));
    return count;
  }

  Folder folder_;
  std::unique_ptr<Sensor> sensor_;
  std::unique_ptr<Tmpfs> volume_;
  std::string token_ = folder_ / "volume/token";
  std::string other_ = folder_ / "volume/other";
  std::uint64_t key_ = 0;
};

TEST_F(KnownTest, AKnownReadIsCountedAndNotSent) {
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  const KnownTable::Place place = know(read_of, first[0]);
  constexpr std::uint64_t kReads = 8;
  for (std::uint64_t i = 0; i < kReads; ++i) read(token_);
  const Records sampled = reads();
  EXPECT_EQ(sampled.size() + counted(EVENT_credential, OUTCOME_KNOWN), kReads);
  for (const Record& record : sampled) EXPECT_EQ(record.header.flags, EVENT_SAMPLED);
  const KnownTable::Use use = sensor_->known().harvest(place, key_);
  EXPECT_EQ(use.count, kReads);
  EXPECT_LE(use.last_boot_ns, boot_now_ns());
  EXPECT_GE(use.last_boot_ns + (2ULL << WINDOW_SHIFT), boot_now_ns());
  EXPECT_EQ(sensor_->known().harvest(place, key_).count, 0U) << "each hit is handed over once";

  sensor_->known().erase(place, key_);
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
  EXPECT_EQ(reads().size(), 1U) << "the same program in another process";
}

TEST_F(KnownTest, TheTrickleAndTheBooksBalance) {
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  know(read_of, first[0]);
  constexpr std::uint64_t kReads = 16 * KNOWN_SAMPLE;  // none sampled: once in nine million runs
  for (std::uint64_t i = 0; i < kReads; ++i) read(token_);
  const Records sampled = reads();
  EXPECT_FALSE(sampled.empty());
  EXPECT_LT(sampled.size(), 64U);
  for (const Record& record : sampled) EXPECT_EQ(record.header.flags, EVENT_SAMPLED);
  EXPECT_EQ(counted(EVENT_credential, OUTCOME_KNOWN) + sampled.size(), kReads);
  EXPECT_EQ(counted(EVENT_credential, OUTCOME_DELIVERED), sampled.size() + 1);
}

TEST_F(KnownTest, AKnownConnectIsSentAfterAReadThatWas) {
  connect_to(9);
  const Records first = select(seen(), EVENT_connect);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].payload<connect_payload>().result, -ECONNREFUSED);
  know(connect_of, first[0]);
  connect_to(9);
  EXPECT_EQ(select(seen(), EVENT_connect).size() + counted(EVENT_connect, OUTCOME_KNOWN), 1U);
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
