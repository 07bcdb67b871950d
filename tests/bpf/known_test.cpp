// SPDX-License-Identifier: Apache-2.0
// The cache of verdicts: what user space wrote is found by the programs, so both forms of the key
// are one; what differs in anything is sent.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/cgroup.h"
#include "tests/bpf/maps_of.h"

namespace idtrail::test {
namespace {

behaviour read_of(const Record& record) {
  const auto payload = record.payload<credential_payload>();
  behaviour one = behaviour_of(record);
  credential_object(&one, &payload.file, payload.volume_generation, payload.open_flags,
                    payload.flags);
  return one;
}

behaviour connect_of(const Record& record) {
  const auto payload = record.payload<connect_payload>();
  behaviour one = behaviour_of(record);
  __u64 destination[2];
  std::memcpy(destination, payload.dst, sizeof(destination));
  connect_object(&one, destination, payload.dst_port, payload.family, payload.protocol,
                 payload.result);
  return one;
}

behaviour unix_of(const Record& record) {
  const auto payload = record.payload<unix_payload>();
  behaviour one = behaviour_of(record);
  unix_object(&one, payload.name_key, &payload.file, payload.type, payload.result, payload.flags);
  return one;
}

behaviour accept_of(const Record& record) {
  const auto payload = record.payload<socket_payload>();
  behaviour one = behaviour_of(record);
  __u64 peer[2];
  std::memcpy(peer, payload.peer, sizeof(peer));
  connect_object(&one, peer, payload.local_port, payload.family, payload.protocol, payload.result);
  return one;
}

behaviour flow_of(const Record& record) {
  const auto payload = record.payload<flow_payload>();
  behaviour one = behaviour_of(record);
  __u64 peer[2];
  std::memcpy(peer, payload.peer, sizeof(peer));
  const bool accepted = (payload.flags & FLOW_ACCEPTED) != 0;
  flow_object(&one, peer, accepted ? payload.local_port : payload.peer_port, payload.family,
              payload.flags, payload.bytes_sent);
  return one;
}

/// Of a Unix socket's name, which may begin with NUL. Returns the errno, 0 after a success.
int connect_unix(const std::string& name) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  name.copy(to.sun_path, sizeof(to.sun_path) - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const int error = connect(socket, reinterpret_cast<const sockaddr*>(&to), size) == 0 ? 0 : errno;
  close(socket);
  return error;
}

/// A sensor that reports this very process, and a volume with two files. One sensor for all tests
/// of a suite, since to load it takes seconds in an emulated machine: each takes back what it has
/// made it know.
class KnownTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto opened = Sensor::open(
        {.only = {"cgroup", "mount", "credential", "connect", "unix", "accept", "flow"},
         .skip_tgid = 1});
    ASSERT_TRUE(opened) << opened.error().message;
    sensor_ = std::make_unique<Sensor>(std::move(*opened));
  }
  static void TearDownTestSuite() { sensor_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(sensor_);
    change_all<std::uint64_t>("alert", 1, [](std::uint64_t& until) { until = 0; });
    volume_ = std::make_unique<Tmpfs>(folder_ / "volume");
    write_file(token_, "secret");
    write_file(other_, "secret");
    const std::uint32_t device = volume_->device();
    ASSERT_TRUE(sensor_->set_volume(device, VOLUME_CREDENTIAL, sensor_->volume_generation(device)));
    ASSERT_TRUE(sensor_->open_books(own_cgroup_id()));
    seen();
  }
  void TearDown() override {
    for (const auto& [place, key] : known_) sensor_->known().erase(place, key);
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
    known_.emplace_back(place_, key_);
  }
  /// Known and not sent since the last call.
  std::uint64_t harvested() { return sensor_->known().harvest(place_, key_).hits; }
  std::uint64_t delivered(event_kind kind) {
    std::uint64_t count = 0;
    EXPECT_TRUE(sensor_->books([&](const CgroupBooks& books) {
      if (books.cgroup_id == own_cgroup_id()) count = books.counts[kind][OUTCOME_DELIVERED];
    }));
    return count;
  }

  Folder folder_;
  inline static std::unique_ptr<Sensor> sensor_;
  std::unique_ptr<Tmpfs> volume_;
  std::string token_ = folder_ / "volume/token";
  std::string other_ = folder_ / "volume/other";
  std::vector<std::pair<KnownTable::Place, std::uint64_t>> known_;
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
  EXPECT_EQ(sensor_->known().erase(place_, key_).hits, 1U);
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

/// As if a program of each CPU were amid writing each memo of a key, or had just done so.
void write_memos(bool amid) {
  struct memo {
    behaviour of;
    std::uint64_t secret, key, version;
  };
  change_all<memo>("memos", static_cast<std::size_t>(libbpf_num_possible_cpus()),
                   [amid](memo& one) { one.version = amid ? 1 : 2; });
}

TEST_F(KnownTest, WhatComesAmidTheWritingOfAKeyIsSent) {
  read(token_);
  const Records first = reads();
  ASSERT_EQ(first.size(), 1U);
  know(read_of, first[0]);
  write_memos(true);
  read(token_);
  read(other_);
  EXPECT_EQ(reads().size(), 2U);
  write_memos(false);
}

TEST_F(KnownTest, AKnownUnixConnectIsCounted) {
  const std::string absent = folder_ / "absent";
  const std::string abstract("\0idtrail-known", 14);
  for (const std::string& name : {absent, abstract}) {
    EXPECT_NE(connect_unix(name), 0);
    const Records first = select(seen(), EVENT_unix);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_NE(first[0].payload<unix_payload>().name_key, 0U);
    know(unix_of, first[0]);
    connect_unix(name);
    EXPECT_TRUE(select(seen(), EVENT_unix).empty());
    EXPECT_EQ(harvested(), 1U);
    connect_unix(name + "x");
    EXPECT_EQ(select(seen(), EVENT_unix).size(), 1U) << "another name";
  }
  // The same name, and now somebody is there.
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  absent.copy(at.sun_path, sizeof(at.sun_path) - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  EXPECT_EQ(connect_unix(absent), 0);
  const Records reached = select(seen(), EVENT_unix);
  ASSERT_EQ(reached.size(), 1U) << "another result";
  know(unix_of, reached[0]);
  EXPECT_EQ(connect_unix(absent), 0);
  EXPECT_TRUE(select(seen(), EVENT_unix).empty());
  close(listener);
}

/// A listener on the loopback, and connections to it of which this process holds both ends.
class KnownConnectionTest : public KnownTest {
 protected:
  void SetUp() override {
    KnownTest::SetUp();
    socklen_t size = sizeof(at_);
    at_.sin_family = AF_INET;
    at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&at_), size), 0);
    ASSERT_EQ(listen(listener_, 4), 0);
    ASSERT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&at_), &size), 0);
  }
  void TearDown() override {
    close(listener_);
    KnownTest::TearDown();
  }

  void serve_one(std::size_t bytes = 0) {
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&at_), sizeof(at_)), 0);
    const int server = accept(listener_, nullptr, nullptr);
    std::string text(bytes, 'x');
    if (bytes != 0) {
      EXPECT_EQ(send(client, text.data(), bytes, 0), static_cast<ssize_t>(bytes));
      EXPECT_EQ(recv(server, text.data(), bytes, MSG_WAITALL), static_cast<ssize_t>(bytes));
    }
    close(client);
    close(server);
  }
  /// Those that this process made; the end may come a little after the close.
  Records made() {
    usleep(50'000);
    Records flows = select(seen(), EVENT_flow);
    std::erase_if(flows, [](const Record& record) {
      return record.payload<flow_payload>().flags == FLOW_ACCEPTED;
    });
    return flows;
  }

  int listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at_{};
};

TEST_F(KnownConnectionTest, AKnownAcceptIsCountedWhateverThePeersPort) {
  serve_one();
  const Records first = select(seen(), EVENT_accept);
  ASSERT_EQ(first.size(), 1U);
  know(accept_of, first[0]);
  serve_one();
  EXPECT_TRUE(select(seen(), EVENT_accept).empty());
  EXPECT_EQ(harvested(), 1U);
}

TEST_F(KnownConnectionTest, AKnownFlowIsCountedWithItsBytes) {
  serve_one(100);
  const Records first = made();
  ASSERT_EQ(first.size(), 1U);
  know(flow_of, first[0]);
  serve_one(2000);
  serve_one(50);
  EXPECT_TRUE(made().empty());
  const KnownTable::Counted counted = sensor_->known().harvest(place_, key_);
  EXPECT_EQ(counted.hits, 2U);
  EXPECT_EQ(counted.bytes_sent, 2050U);
  EXPECT_EQ(counted.bytes_received, 0U);
  EXPECT_EQ(sensor_->known().harvest(place_, key_).bytes_sent, 0U) << "handed over once";
}

TEST_F(KnownConnectionTest, AFlowOfMuchMoreThanIsKnownIsSent) {
  serve_one(100);
  const Records first = made();
  ASSERT_EQ(first.size(), 1U);
  know(flow_of, first[0]);
  serve_one(20'000);
  const Records more = made();
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].payload<flow_payload>().bytes_sent, 20'000U);
  EXPECT_EQ(harvested(), 0U);
  read(token_);
  serve_one(100);
  EXPECT_EQ(made().size(), 1U) << "its cgroup is on the alert";
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
