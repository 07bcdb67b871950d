// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include "tests/bpf/network_name.h"
#include "tests/unit/network_bytes.h"

namespace idtrail::test {
namespace {

using network::client_hello;

using TlsTest = ProbeTest;
class TlsFamilyTest : public TlsTest, public testing::WithParamInterface<const char*> {};

const std::string kHello = client_hello("api.example.com");

TEST_P(TlsFamilyTest, TellsTheHelloOfAConnectionOnce) {
  const Listener listener(GetParam(), SOCK_STREAM);
  const Acted child = in_child([&] {
    const Connection client(Address(GetParam(), listener.port()));
    return client.send(kHello) && client.send(kHello) && client.send("data") ? 0 : 1;
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_tls);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child, {EVENT_tls, GetParam(), listener.port(), kHello});
}

INSTANTIATE_TEST_SUITE_P(Families, TlsFamilyTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& row) {
                           return std::string(row.index == 0 ? "tcp4" : "tcp6");
                         });

TEST_F(TlsTest, TellsTheFirstPartOfAMessageOfMany) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Acted child = in_child([&] {
    const Connection client(Address("127.0.0.1", listener.port()));
    std::string hello = kHello;
    std::string rest = "data";
    const iovec parts[] = {{hello.data(), hello.size()}, {rest.data(), rest.size()}};
    return writev(client.socket(), parts, 2) > 0 ? 0 : 1;
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_tls);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child, {EVENT_tls, "127.0.0.1", listener.port(), kHello});
}

TEST_F(TlsTest, CutsALongHello) {
  const std::string hello = client_hello("api.example.com", 4000);
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Acted child = in_child(
      [&] { return Connection(Address("127.0.0.1", listener.port())).send(hello) ? 0 : 1; });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_tls);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child,
              {EVENT_tls, "127.0.0.1", listener.port(), hello.substr(0, EVENT_RAW_MAX),
               NAME_RAW | NAME_CUT});
}

TEST_F(TlsTest, IsSilentOnAnythingElseThatBeginsAConnection) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  const Acted child = in_child([&] {
    const Address to("127.0.0.1", listener.port());
    const Connection plain(to);
    const Connection short_one(to);
    return plain.send("EHLO example\r\n") && plain.send(kHello) && short_one.send("\x16\x03") ? 0
                                                                                              : 1;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_tls).empty());
}

TEST_F(TlsTest, IsSilentWhereNothingIsConnected) {
  const Acted child = in_child([] {
    const Connection refused(Address("127.0.0.1", 1));
    return ::send(refused.socket(), kHello.data(), kHello.size(), MSG_NOSIGNAL) == -1 ? 0 : 1;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_tls).empty());
}

TEST_F(TlsTest, IsSilentOnTheAgentItself) {
  const Listener listener("127.0.0.1", SOCK_STREAM);
  EXPECT_TRUE(Connection(Address("127.0.0.1", listener.port())).send(kHello));
  EXPECT_TRUE(select(seen(), EVENT_tls).empty());
}

}  // namespace
}  // namespace idtrail::test
