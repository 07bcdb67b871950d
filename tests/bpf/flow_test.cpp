// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <thread>

#include "tests/bpf/act.h"
#include "tests/bpf/cgroup.h"
#include "tests/bpf/inet.h"
#include "tests/bpf/maps_of.h"

namespace idtrail::test {
namespace {

constexpr std::size_t kAsked = 1000;
constexpr std::size_t kAnswered = 10'000;

bool send_all(int socket, std::size_t bytes) {
  const std::string text(bytes, 'x');
  return send(socket, text.data(), text.size(), 0) == static_cast<ssize_t>(bytes);
}

bool receive_all(int socket, std::size_t bytes) {
  std::string text(bytes, '\0');
  return recv(socket, text.data(), text.size(), MSG_WAITALL) == static_cast<ssize_t>(bytes);
}

std::uint16_t port_of(int socket) {
  sockaddr_in6 own{};
  socklen_t size = sizeof(own);
  getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin6_port);  // at the same place in both families
}

/// A connection with both ends in this process.
struct Pair {
  int client = -1;
  int server = -1;

  explicit Pair(const Listener& listener, const Address& to)
      : client(::socket(to.family(), SOCK_STREAM, 0)) {
    if (connect(client, to.get(), to.size) == 0)
      server = accept(listener.socket(), nullptr, nullptr);
  }
  [[nodiscard]] bool talk() const {
    return send_all(client, kAsked) && receive_all(server, kAsked) && send_all(server, kAnswered) &&
           receive_all(client, kAnswered);
  }
};

class FlowTest : public ProbeTest {
 protected:
  /// The end of a connection may come a little later than the close.
  static Records flows(std::uint32_t tgid, std::size_t count) {
    Records all;
    for (int i = 0; i < 200 && all.size() < count; ++i) {
      if (i != 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      std::ranges::copy(select(seen(), EVENT_flow, tgid), std::back_inserter(all));
    }
    return all;
  }
};
class FlowFamilyTest : public FlowTest, public testing::WithParamInterface<const char*> {};

TEST_P(FlowFamilyTest, TellsAllOfBothEnds) {
  int ports[2];
  ASSERT_EQ(pipe(ports), 0);
  Acted child = in_child([&] {
    const Listener listener(GetParam(), SOCK_STREAM);
    const Pair pair(listener, Address(GetParam(), listener.port()));
    if (!pair.talk()) return 1;
    const std::uint16_t told[] = {port_of(pair.client), listener.port()};
    if (write(ports[1], told, sizeof(told)) != sizeof(told)) return 2;
    return close(pair.client) == 0 && close(pair.server) == 0 ? 0 : 3;
  });
  EXPECT_EQ(child.status, 0);
  std::uint16_t client_and_server[2] = {};
  EXPECT_EQ(read(ports[0], client_and_server, sizeof(client_and_server)), 4);
  for (const int end : ports) close(end);

  const Records records = flows(child.tgid, 2);
  child.ended_ns = boot_now_ns();
  ASSERT_EQ(records.size(), 2U);
  for (const Record& record : records) {
    expect_header(record, EVENT_flow, child);
    ASSERT_EQ(record.body.size(), sizeof(flow_payload));
    const auto payload = record.payload<flow_payload>();
    const bool accepted = payload.flags == FLOW_ACCEPTED;
    EXPECT_TRUE(accepted || payload.flags == 0);
    expect_file(payload.exe, "/proc/self/exe");
    expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
    EXPECT_EQ(payload.bytes_sent, accepted ? kAnswered : kAsked);
    EXPECT_EQ(payload.bytes_received, accepted ? kAsked : kAnswered);
    EXPECT_GT(payload.duration_ns, 0U);
    EXPECT_LT(payload.duration_ns, child.ended_ns - child.before_ns);
    EXPECT_EQ(payload.family, Address(GetParam(), 0).family());
    EXPECT_EQ(payload.protocol, IPPROTO_TCP);
    EXPECT_EQ(text_of(payload.local, payload.family), GetParam());
    EXPECT_EQ(text_of(payload.peer, payload.family), GetParam());
    EXPECT_EQ(payload.local_port, client_and_server[accepted ? 1 : 0]);
    EXPECT_EQ(payload.peer_port, client_and_server[accepted ? 0 : 1]);
  }
  EXPECT_NE(records[0].payload<flow_payload>().flags, records[1].payload<flow_payload>().flags);
}

INSTANTIATE_TEST_SUITE_P(Families, FlowFamilyTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& row) {
                           return std::string(row.index == 0 ? "tcp4" : "tcp6");
                         });

TEST_F(FlowTest, CountsTheBytesOfAConnectionThatIsReset) {
  const Acted child = in_child([] {
    const Listener listener("127.0.0.1", SOCK_STREAM);
    const Pair pair(listener, Address("127.0.0.1", listener.port()));
    if (!pair.talk()) return 1;
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return close(pair.client) == 0 && close(pair.server) == 0 ? 0 : 2;
  });
  EXPECT_EQ(child.status, 0);
  const Records records = flows(child.tgid, 2);
  ASSERT_EQ(records.size(), 2U);
  for (const Record& record : records) {
    const auto payload = record.payload<flow_payload>();
    const bool accepted = payload.flags == FLOW_ACCEPTED;
    EXPECT_EQ(payload.bytes_sent, accepted ? kAnswered : kAsked);
    EXPECT_EQ(payload.bytes_received, accepted ? kAsked : kAnswered);
  }
}

TEST_F(FlowTest, BelongsToWhoOpenedItWhoeverClosesIt) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  int gone[2];
  ASSERT_EQ(pipe(gone), 0);
  const Acted child = in_child([&] {
    const Address to("127.0.0.1", listener.port());
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    if (connect(socket, to.get(), to.size) != 0 || fork() != 0) return 0;
    char nothing = 0;
    close(gone[1]);
    (void)read(gone[0], &nothing, 1);  // until the test has seen that there is no record yet
    (void)send_all(socket, kAsked);
    return 0;
  });
  EXPECT_TRUE(select(seen(), EVENT_flow, child.tgid).empty());
  close(gone[1]);
  const int server = accept(listener.socket(), nullptr, nullptr);
  EXPECT_TRUE(receive_all(server, kAsked));
  char nothing = 0;
  EXPECT_EQ(recv(server, &nothing, 1, 0), 0);  // the last holder is gone
  close(server);
  close(gone[0]);
  const Records records = flows(child.tgid, 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<flow_payload>().bytes_sent, kAsked);
  EXPECT_EQ(records[0].payload<flow_payload>().flags, 0U);
  expect_parent_is_this(records[0].payload<flow_payload>().parent_tgid,
                        records[0].payload<flow_payload>().parent_start_boot_ns);
}

TEST_F(FlowTest, TellsTheTotalsOfAConnectionThatGoesOnAndThenOfItsEnd) {
  int told[2];
  int go_on[2];
  ASSERT_EQ(pipe(told), 0);
  ASSERT_EQ(pipe(go_on), 0);
  Records open;
  std::thread walker([&] {
    char step = 0;
    for (int i = 0; i < 3 && read(told[0], &step, 1) == 1; ++i) {
      EXPECT_TRUE(shared_sensor().walk());
      std::ranges::copy(select(seen(), EVENT_flow), std::back_inserter(open));
      EXPECT_EQ(write(go_on[1], &step, 1), 1);
    }
  });
  const Acted child = in_child([&] {
    const auto step = [&] {
      char one = 1;
      return write(told[1], &one, 1) == 1 && read(go_on[0], &one, 1) == 1;
    };
    const Listener listener("127.0.0.1", SOCK_STREAM);
    const Pair pair(listener, Address("127.0.0.1", listener.port()));
    if (!pair.talk() || !step()) return 1;  // too young
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    if (!step() || !step()) return 2;  // told; nothing since
    return send_all(pair.client, kAsked) && receive_all(pair.server, kAsked) ? 0 : 3;
  });
  walker.join();
  EXPECT_EQ(child.status, 0);
  ASSERT_EQ(open.size(), 2U);
  for (const Record& record : open) {
    const auto payload = record.payload<flow_payload>();
    const bool accepted = (payload.flags & FLOW_ACCEPTED) != 0;
    expect_header(record, EVENT_flow, child);
    EXPECT_NE(payload.flags & FLOW_OPEN, 0U);
    EXPECT_EQ(payload.bytes_sent, accepted ? kAnswered : kAsked);
    EXPECT_EQ(payload.bytes_received, accepted ? kAsked : kAnswered);
    EXPECT_GT(payload.duration_ns, 1'000'000'000U);
  }
  EXPECT_NE(open[0].payload<flow_payload>().flags, open[1].payload<flow_payload>().flags);
  const Records ended = flows(child.tgid, 2);
  ASSERT_EQ(ended.size(), 2U);
  for (const Record& record : ended) {
    const auto payload = record.payload<flow_payload>();
    EXPECT_EQ(payload.flags & FLOW_OPEN, 0U);
    EXPECT_EQ(payload.flags == 0 ? payload.bytes_sent : payload.bytes_received, 2 * kAsked);
  }
  for (const int end : {told[0], told[1], go_on[0], go_on[1]}) close(end);
}

TEST_F(FlowTest, IsSilentWhereNothingWasEstablished) {
  const Acted child = in_child([] {
    const Address to("127.0.0.1", 1);
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    return connect(socket, to.get(), to.size) == 0 ? 0 : errno;
  });
  EXPECT_EQ(WEXITSTATUS(child.status), ECONNREFUSED);
  EXPECT_TRUE(select(seen(), EVENT_flow).empty());
}

TEST_F(FlowTest, IsSilentOnAConnectThatNobodyAnswers) {
  const Acted child = in_child([] {
    const Listener listener("127.0.0.1", SOCK_STREAM);
    const Address to("127.0.0.1", listener.port());
    listen(listener.socket(), 0);
    for (int answered = 0; answered < 4; ++answered) {  // more than the queue takes
      const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
      const timeval soon{.tv_sec = 0, .tv_usec = 200'000};
      setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
      if (connect(socket, to.get(), to.size) == 0) continue;
      return errno == EINPROGRESS && close(socket) == 0 ? answered : 100;
    }
    return 101;
  });
  const auto answered = static_cast<std::size_t>(WEXITSTATUS(child.status));
  ASSERT_GT(answered, 0U);
  ASSERT_LT(answered, 4U);
  // It was closed before those that were answered.
  EXPECT_EQ(flows(child.tgid, answered).size(), answered);
  EXPECT_TRUE(select(seen(), EVENT_flow, child.tgid).empty());
}

TEST_F(FlowTest, EndsWithTheAssociationWhereTheSocketConnectsAnew) {
  const Acted child = in_child([] {
    const Listener listener("127.0.0.1", SOCK_STREAM);
    const Address to("127.0.0.1", listener.port());
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    for (const std::size_t bytes : {kAsked, kAnswered}) {
      if (connect(client, to.get(), to.size) != 0) return 1;
      const int server = accept(listener.socket(), nullptr, nullptr);
      if (!send_all(client, bytes) || !receive_all(server, bytes)) return 2;
      const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
      if (connect(client, &nobody, sizeof(nobody)) != 0) return 3;
      close(server);
    }
    return close(client) == 0 ? 0 : 4;
  });
  EXPECT_EQ(child.status, 0);
  std::vector<std::uint64_t> sent;
  for (const Record& record : flows(child.tgid, 4)) {
    const auto payload = record.payload<flow_payload>();
    if (payload.flags == 0) sent.push_back(payload.bytes_sent);
  }
  EXPECT_EQ(sent, (std::vector<std::uint64_t>{kAsked, kAnswered}));
}

/// As if each place were a connection's, or free again.
void add_claims(int to_each) {
  struct bucket {
    std::uint64_t sockets[8];
    std::int32_t claims[8];
  };
  change_all<bucket>("flow_buckets", 1, [to_each](bucket& one) {
    for (std::int32_t& claim : one.claims) claim += to_each;
  });
}

TEST_F(FlowTest, WhereThereIsNoRoomItIsOnTheBooksAsDropped) {
  const std::uint64_t cgroup = own_cgroup_id();
  ASSERT_TRUE(shared_sensor().open_books(cgroup));
  const auto counted = [&] { return books_of(shared_sensor(), cgroup)->counts[EVENT_flow]; };
  const auto before = counted();
  add_claims(1);
  const Acted child = in_child([] {
    const Listener listener("127.0.0.1", SOCK_STREAM);
    const Pair pair(listener, Address("127.0.0.1", listener.port()));
    return pair.talk() && close(pair.client) == 0 && close(pair.server) == 0 ? 0 : 1;
  });
  add_claims(-1);
  EXPECT_EQ(child.status, 0);
  EXPECT_EQ(counted()[OUTCOME_DROPPED], before[OUTCOME_DROPPED] + 2);
  EXPECT_EQ(counted()[OUTCOME_DELIVERED], before[OUTCOME_DELIVERED]);
  EXPECT_TRUE(select(seen(), EVENT_flow, child.tgid).empty());
}

TEST_F(FlowTest, IsSilentOnTheAgentItself) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Pair pair(listener, Address("127.0.0.1", listener.port()));
  EXPECT_TRUE(pair.talk());
  close(pair.client);
  close(pair.server);
  in_child([] { return 0; });
  EXPECT_TRUE(select(seen(), EVENT_flow).empty());
}

}  // namespace
}  // namespace idtrail::test
