// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include <fcntl.h>

#include "tests/bpf/act.h"
#include "tests/bpf/inet.h"

namespace idtrail::test {
namespace {

using AcceptTest = ProbeTest;
class AcceptFamilyTest : public AcceptTest, public testing::WithParamInterface<const char*> {};

/// A client that connected to the listener and has not been taken from its queue.
class Client {
 public:
  explicit Client(const Address& to) : socket_(::socket(to.family(), SOCK_STREAM, 0)) {
    EXPECT_EQ(connect(socket_, to.get(), to.size), 0);
    sockaddr_in6 own{};
    socklen_t size = sizeof(own);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size), 0);
    port_ = ntohs(own.sin6_port);  // at the same place in both families
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

TEST_P(AcceptFamilyTest, TellsAllOfASuccess) {
  const Listener listener(GetParam(), SOCK_STREAM);
  const Client client(Address(GetParam(), listener.port()));
  const Acted child =
      in_child([&] { return accept(listener.socket(), nullptr, nullptr) >= 0 ? 0 : errno; });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_accept, child.tgid);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_accept, child);
  ASSERT_EQ(records[0].body.size(), sizeof(socket_payload));
  const auto payload = records[0].payload<socket_payload>();
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.family, Address(GetParam(), 0).family());
  EXPECT_EQ(payload.protocol, IPPROTO_TCP);
  EXPECT_EQ(text_of(payload.local, payload.family), GetParam());
  EXPECT_EQ(text_of(payload.peer, payload.family), GetParam());
  EXPECT_EQ(payload.local_port, listener.port());
  EXPECT_EQ(payload.peer_port, client.port());
  EXPECT_EQ(payload.backlog, 0U);
  EXPECT_EQ(payload.flags, 0U);
  if (payload.family == AF_INET) {
    EXPECT_TRUE(
        std::all_of(payload.peer + 4, payload.peer + 16, [](auto byte) { return byte == 0; }));
  }
}

TEST_P(AcceptFamilyTest, TellsThatNobodyListens) {
  const Address at(GetParam(), 4714);
  const Acted child = in_child([&] {
    const int socket = ::socket(at.family(), SOCK_STREAM, 0);
    if (bind(socket, at.get(), at.size) != 0) return 200;
    return accept(socket, nullptr, nullptr) >= 0 ? 0 : errno;
  });
  EXPECT_EQ(WEXITSTATUS(child.status), EINVAL);
  const Records records = select(seen(), EVENT_accept, child.tgid);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<socket_payload>();
  EXPECT_EQ(payload.result, -EINVAL);
  EXPECT_EQ(text_of(payload.local, payload.family), GetParam());
  EXPECT_EQ(payload.local_port, 4714U);
  EXPECT_EQ(payload.peer_port, 0U);
  EXPECT_TRUE(std::ranges::all_of(payload.peer, [](auto byte) { return byte == 0; }));
}

INSTANTIATE_TEST_SUITE_P(Families, AcceptFamilyTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& row) {
                           return std::string(row.index == 0 ? "tcp4" : "tcp6");
                         });

TEST_F(AcceptTest, IsSilentOnAnEmptyQueue) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Acted child = in_child([&] {
    fcntl(listener.socket(), F_SETFL, O_NONBLOCK);
    return accept(listener.socket(), nullptr, nullptr) < 0 ? errno : 0;
  });
  EXPECT_EQ(WEXITSTATUS(child.status), EAGAIN);
  EXPECT_TRUE(select(seen(), EVENT_accept, child.tgid).empty());
}

TEST_F(AcceptTest, TellsOfMultipathTcp) {
  const Acted child = in_child([] {
    constexpr int kMultipath = 262;
    const Address at("127.0.0.1", 4715);
    const int listener = ::socket(AF_INET, SOCK_STREAM, kMultipath);
    if (listener < 0) return 77;
    if (bind(listener, at.get(), at.size) != 0 || listen(listener, 5) != 0) return 1;
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, at.get(), at.size) != 0) return 2;
    return accept(listener, nullptr, nullptr) >= 0 ? 0 : 3;
  });
  const Records records = select(seen(), EVENT_accept, child.tgid);
  if (!has_multipath_tcp()) {
    EXPECT_EQ(WEXITSTATUS(child.status), 77);
    EXPECT_TRUE(records.empty());
    return;
  }
  EXPECT_EQ(child.status, 0);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<socket_payload>().local_port, 4715U);
}

TEST_F(AcceptTest, IsSilentOnTheAgentItself) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Client client(Address("127.0.0.1", listener.port()));
  close(accept(listener.socket(), nullptr, nullptr));
  EXPECT_TRUE(select(seen(), EVENT_accept).empty());
}

}  // namespace
}  // namespace idtrail::test
