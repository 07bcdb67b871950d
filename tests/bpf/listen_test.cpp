// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "tests/bpf/act.h"
#include "tests/bpf/inet.h"

namespace idtrail::test {
namespace {

using ListenTest = ProbeTest;
class ListenFamilyTest : public ListenTest, public testing::WithParamInterface<const char*> {};

/// Binds and listens in a child, whose exit code is the errno of listen(2).
Acted listen_in_child(const Address& at, int type, int backlog) {
  return in_child([&] {
    const int socket = ::socket(at.family(), type, 0);
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(socket, at.get(), at.size) != 0) return 200;
    return listen(socket, backlog) == 0 ? 0 : errno;
  });
}

TEST_P(ListenFamilyTest, TellsAllOfASuccess) {
  const Address at(GetParam(), 4711);
  const Acted child = listen_in_child(at, SOCK_STREAM, 17);
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_listen, child.tgid);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_listen, child);
  ASSERT_EQ(records[0].body.size(), sizeof(socket_payload));
  const auto payload = records[0].payload<socket_payload>();
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.family, at.family());
  EXPECT_EQ(payload.protocol, IPPROTO_TCP);
  EXPECT_EQ(text_of(payload.local, payload.family), GetParam());
  EXPECT_EQ(payload.local_port, 4711U);
  EXPECT_EQ(payload.backlog, 17U);
  EXPECT_EQ(payload.flags, 0U);
  EXPECT_EQ(payload.peer_port, 0U);
  EXPECT_TRUE(std::ranges::all_of(payload.peer, [](auto byte) { return byte == 0; }));
  if (payload.family == AF_INET) {
    EXPECT_TRUE(
        std::all_of(payload.local + 4, payload.local + 16, [](auto byte) { return byte == 0; }));
  }
}

TEST_P(ListenFamilyTest, TellsThatThePortIsTaken) {
  const Address at(GetParam(), 4712);
  const Acted child = in_child([&] {
    const int on = 1;
    int error = 0;
    // Both may bind, one may listen.
    const int sockets[] = {socket(at.family(), SOCK_STREAM, 0),
                           socket(at.family(), SOCK_STREAM, 0)};
    for (const int socket : sockets) {
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
      if (bind(socket, at.get(), at.size) != 0) return 200;
    }
    for (const int socket : sockets) error = listen(socket, 3) == 0 ? 0 : errno;
    return error;
  });
  EXPECT_EQ(WEXITSTATUS(child.status), EADDRINUSE);
  const Records records = select(seen(), EVENT_listen, child.tgid);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].payload<socket_payload>().result, 0);
  const auto payload = records[1].payload<socket_payload>();
  EXPECT_EQ(payload.result, -EADDRINUSE);
  EXPECT_EQ(text_of(payload.local, payload.family), GetParam());
  EXPECT_EQ(payload.local_port, 4712U);
}

TEST_P(ListenFamilyTest, TellsThePortThatTheKernelChose) {
  const Address any(GetParam(), 0);
  const Acted child = in_child([&] {
    const int socket = ::socket(any.family(), SOCK_STREAM, 0);
    return listen(socket, 1);
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_listen, child.tgid);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].payload<socket_payload>().local_port, 0U);
}

INSTANTIATE_TEST_SUITE_P(Families, ListenFamilyTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& row) {
                           return std::string(row.index == 0 ? "tcp4" : "tcp6");
                         });

TEST_F(ListenTest, TellsOfMultipathTcp) {
  const Acted child = in_child([] {
    constexpr int kMultipath = 262;
    const Address at("127.0.0.1", 4713);
    const int socket = ::socket(AF_INET, SOCK_STREAM, kMultipath);
    if (socket < 0) return 77;
    return bind(socket, at.get(), at.size) == 0 && listen(socket, 5) == 0 ? 0 : errno;
  });
  const Records records = select(seen(), EVENT_listen, child.tgid);
  if (!has_multipath_tcp()) {
    EXPECT_EQ(WEXITSTATUS(child.status), 77);
    EXPECT_TRUE(records.empty());
    return;
  }
  EXPECT_EQ(child.status, 0);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<socket_payload>().local_port, 4713U);
  EXPECT_EQ(records[0].payload<socket_payload>().protocol, IPPROTO_TCP);
}

TEST_F(ListenTest, IsSilentWhereNothingBeginsToListen) {
  const Acted child = in_child([] {
    const int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    const int local = socket(AF_UNIX, SOCK_STREAM, 0);
    return listen(datagram, 1) != 0 && listen(local, 1) != 0 ? 0 : 1;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_listen, child.tgid).empty());
}

TEST_F(ListenTest, IsSilentOnTheAgentItself) {
  const Listener own("127.0.0.1", SOCK_STREAM);
  EXPECT_TRUE(select(seen(), EVENT_listen).empty());
}

}  // namespace
}  // namespace idtrail::test
