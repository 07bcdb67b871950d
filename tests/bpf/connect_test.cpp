// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include <sys/un.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/inet.h"

namespace idtrail::test {
namespace {

struct Connected {
  Acted child;
  Records records;
};

/// Connects in a child, whose exit code is the errno of connect(2).
Connected connect_in_child(const Address& to, int type, int socket_family = 0) {
  const int family = socket_family != 0 ? socket_family : to.family();
  Connected result{.child = in_child([&] {
                     const int socket = ::socket(family, type, 0);
                     return connect(socket, to.get(), to.size) == 0 ? 0 : errno;
                   }),
                   .records = {}};
  result.records = select(drain(shared_sensor()), EVENT_connect, result.child.tgid);
  return result;
}

using ConnectTest = ProbeTest;

/// Rows: family, transport.
struct Row {
  const char* name;
  const char* loopback;
  const char* unreachable;
  int type;
  std::uint16_t protocol;
};

class ConnectRowTest : public ConnectTest, public testing::WithParamInterface<Row> {};
class ConnectTcpTest : public ConnectRowTest {};  // UDP is never refused by connect(2)

TEST_P(ConnectRowTest, TellsAllOfASuccess) {
  const Row& row = GetParam();
  const Listener listener(row.loopback, row.type);
  const auto [child, records] = connect_in_child(Address(row.loopback, listener.port()), row.type);
  EXPECT_EQ(child.status, 0);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_connect, child);
  ASSERT_EQ(records[0].body.size(), sizeof(connect_payload));
  const auto payload = records[0].payload<connect_payload>();
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.family, Address(row.loopback, 0).family());
  EXPECT_EQ(payload.protocol, row.protocol);
  EXPECT_EQ(text_of(payload.dst, payload.family), row.loopback);
  EXPECT_EQ(text_of(payload.src, payload.family), row.loopback);
  EXPECT_EQ(payload.dst_port, listener.port());
  EXPECT_NE(payload.src_port, 0U);
  EXPECT_NE(payload.src_port, listener.port());
  EXPECT_EQ(payload.flags, 0U);
  EXPECT_EQ(payload.reserved, 0U);
  if (payload.family == AF_INET) {
    EXPECT_TRUE(
        std::all_of(payload.dst + 4, payload.dst + 16, [](auto byte) { return byte == 0; }));
    EXPECT_TRUE(
        std::all_of(payload.src + 4, payload.src + 16, [](auto byte) { return byte == 0; }));
  }
}

TEST_P(ConnectRowTest, TellsWhatHasNoRoute) {
  const Row& row = GetParam();
  const auto [child, records] = connect_in_child(Address(row.unreachable, 443), row.type);
  EXPECT_EQ(WEXITSTATUS(child.status), ENETUNREACH);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<connect_payload>();
  EXPECT_EQ(payload.result, -ENETUNREACH);
  EXPECT_EQ(text_of(payload.dst, payload.family), row.unreachable);
  EXPECT_EQ(payload.dst_port, 443U);
}

TEST_P(ConnectTcpTest, TellsWhatIsRefused) {
  const Row& row = GetParam();
  const auto [child, records] = connect_in_child(Address(row.loopback, 1), row.type);
  EXPECT_EQ(WEXITSTATUS(child.status), ECONNREFUSED);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<connect_payload>();
  EXPECT_EQ(payload.result, -ECONNREFUSED);
  EXPECT_EQ(text_of(payload.dst, payload.family), row.loopback);
  EXPECT_EQ(payload.dst_port, 1U);
}

TEST_P(ConnectRowTest, TellsThatANonBlockingOneIsUnderWay) {
  const Row& row = GetParam();
  const Listener listener(row.loopback, row.type);
  const auto [child, records] =
      connect_in_child(Address(row.loopback, listener.port()), row.type | SOCK_NONBLOCK);
  const int expected = row.type == SOCK_STREAM ? EINPROGRESS : 0;
  EXPECT_EQ(WEXITSTATUS(child.status), expected);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<connect_payload>();
  EXPECT_EQ(payload.result, -expected);
  EXPECT_EQ(text_of(payload.dst, payload.family), row.loopback);
  EXPECT_EQ(payload.dst_port, listener.port());
}

const Row kRows[] = {
    {"tcp4", "127.0.0.1", "192.0.2.1", SOCK_STREAM, IPPROTO_TCP},
    {"tcp6", "::1", "2001:db8::1", SOCK_STREAM, IPPROTO_TCP},
    {"udp4", "127.0.0.1", "192.0.2.1", SOCK_DGRAM, IPPROTO_UDP},
    {"udp6", "::1", "2001:db8::1", SOCK_DGRAM, IPPROTO_UDP},
};
std::string name_of(const testing::TestParamInfo<Row>& row) { return row.param.name; }
INSTANTIATE_TEST_SUITE_P(Transports, ConnectRowTest, testing::ValuesIn(kRows), name_of);
INSTANTIATE_TEST_SUITE_P(Tcp, ConnectTcpTest, testing::Values(kRows[0], kRows[1]), name_of);

TEST_F(ConnectTest, KeepsAMappedAddressVersion6) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const auto [child, records] =
      connect_in_child(Address("::ffff:127.0.0.1", listener.port()), SOCK_STREAM);
  EXPECT_EQ(child.status, 0);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<connect_payload>();
  EXPECT_EQ(payload.family, AF_INET6);
  EXPECT_EQ(text_of(payload.dst, AF_INET6), "::ffff:127.0.0.1");
  EXPECT_EQ(text_of(payload.src, AF_INET6), "::ffff:127.0.0.1");
}

TEST_F(ConnectTest, TellsAVersion4AddressOnAVersion6Socket) {
  const Listener listener("127.0.0.1", SOCK_DGRAM);
  const auto [child, records] =
      connect_in_child(Address("127.0.0.1", listener.port()), SOCK_DGRAM, AF_INET6);
  EXPECT_EQ(child.status, 0);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<connect_payload>();
  EXPECT_EQ(payload.family, AF_INET);
  EXPECT_EQ(text_of(payload.dst, AF_INET), "127.0.0.1");
}

TEST_F(ConnectTest, TellsWhereTheAnyAddressReallyLeads) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const auto [child, records] = connect_in_child(Address("0.0.0.0", listener.port()), SOCK_STREAM);
  EXPECT_EQ(child.status, 0);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(text_of(records[0].payload<connect_payload>().dst, AF_INET), "127.0.0.1");
}

TEST_F(ConnectTest, TellsAConnectionMadeBySending) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Address to("127.0.0.1", listener.port());
  const Acted child = in_child([&] {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    return sendto(socket, "x", 1, MSG_FASTOPEN, to.get(), to.size) == 1 ? 0 : errno;
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_connect, child.tgid);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<connect_payload>();
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.dst_port, listener.port());
}

TEST_F(ConnectTest, IsSilentWhereNoPeerIsChosen) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Address to("127.0.0.1", listener.port());
  const Acted child = in_child([&] {
    const int datagram = ::socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (connect(datagram, &nobody, sizeof(nobody)) != 0) return 1;
    sockaddr_un local{.sun_family = AF_UNIX, .sun_path = "/tmp/bpf-tests-nobody"};
    const int unix_socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(unix_socket, reinterpret_cast<sockaddr*>(&local), sizeof(local)) == 0) return 2;
    return connect(datagram, to.get(), 8) == 0 ? 3 : 0;  // too short
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_connect, child.tgid).empty());
}

TEST_F(ConnectTest, TellsOneAttemptOnce) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Address to("127.0.0.1", listener.port());
  const Acted child = in_child([&] {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    connect(socket, to.get(), to.size);
    return connect(socket, to.get(), to.size) == -1 ? errno : 0;
  });
  EXPECT_EQ(WEXITSTATUS(child.status), EISCONN);
  EXPECT_EQ(select(seen(), EVENT_connect, child.tgid).size(), 1U);
}

}  // namespace
}  // namespace idtrail::test
