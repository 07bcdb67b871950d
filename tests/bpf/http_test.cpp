// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/network_name.h"
#include "tests/bpf/own_network.h"

namespace idtrail::test {
namespace {

const std::string kRequest = "GET /latest/meta-data/ HTTP/1.1\r\nHost: x\r\n\r\n";

/// In a network of its own: sends kRequest and then another to a server at `at`.
Acted ask(const std::string& at, const std::string& through) {
  return in_child([&] {
    if (!enter_own_network({at})) return 2;
    const Listener listener(Address(at, 80), SOCK_STREAM);
    const Connection client(Address(through, 80));
    return client.send(kRequest) && client.send("GET /second HTTP/1.1\r\n\r\n") ? 0 : 1;
  });
}

using HttpTest = ProbeTest;
class MetadataTest : public HttpTest, public testing::WithParamInterface<const char*> {};

TEST_P(MetadataTest, TellsTheFirstRequestOfAConnection) {
  const Acted child = ask(GetParam(), GetParam());
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_http);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child, {EVENT_http, GetParam(), 80, kRequest});
}

INSTANTIATE_TEST_SUITE_P(Addresses, MetadataTest,
                         testing::Values("169.254.169.254", "169.254.170.2", "169.254.170.23",
                                         "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23",
                                         "fd20:ce::254"));

TEST_F(HttpTest, TellsAnAddressOfVersionFourThatIsReachedThroughVersionSix) {
  const Acted child = ask("169.254.169.254", "::ffff:169.254.169.254");
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_http);
  ASSERT_EQ(records.size(), 1U);
  const auto payload = records[0].payload<name_payload>();
  EXPECT_EQ(text_of(payload.peer, payload.family), "::ffff:169.254.169.254");
}

TEST_F(HttpTest, CutsALongRequest) {
  constexpr std::size_t kMost = 512;
  const std::string request = "GET /" + std::string(2 * kMost, 'x');
  const Acted child = in_child([&] {
    if (!enter_own_network({"169.254.169.254"})) return 2;
    const Listener listener(Address("169.254.169.254", 80), SOCK_STREAM);
    return Connection(Address("169.254.169.254", 80)).send(request) ? 0 : 1;
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_http);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child,
              {EVENT_http, "169.254.169.254", 80, request.substr(0, kMost), NAME_RAW | NAME_CUT});
}

TEST_F(HttpTest, IsSilentOnEveryOtherAddress) {
  for (const char* address : {"10.0.0.1", "169.254.169.253", "fd00:ec2::255"}) {
    EXPECT_EQ(ask(address, address).status, 0) << address;
  }
  EXPECT_TRUE(select(seen(), EVENT_http).empty());
}

TEST_F(HttpTest, IsSilentWhereNobodyAnswers) {
  const Acted child = in_child([] {
    if (!enter_own_network({"169.254.169.254"})) return 2;
    const Connection refused(Address("169.254.169.254", 80));
    return ::send(refused.socket(), "GET / HTTP/1.1\r\n", 16, MSG_NOSIGNAL) == -1 ? 0 : 1;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_http).empty());
}

}  // namespace
}  // namespace idtrail::test
