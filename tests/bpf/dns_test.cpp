// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <thread>

#include <sys/uio.h>

#include "tests/bpf/network_name.h"
#include "tests/bpf/own_network.h"
#include "tests/unit/network_bytes.h"

namespace idtrail::test {
namespace {

using network::dns_message;
using network::kDnsA;

constexpr std::uint16_t kDnsPort = 53;
const std::string kAnswer = dns_message("api.example.com", kDnsA, {{kDnsA, "\x0a\1\2\3"}});
const std::string kNoSuchName = dns_message("no.such", kDnsA, {}, 0x8183);

/// A server that sends what it is told, and a client, in a network of their own.
class Resolver {
 public:
  explicit Resolver(const std::string& where, std::uint16_t port = kDnsPort)
      : server_(::socket(Address(where, 0).family(), SOCK_DGRAM, 0)),
        client_(Address(where, 0), SOCK_DGRAM),
        server_at_(where, port),
        client_at_(where, client_.port()) {
    good_ = bind(server_, server_at_.get(), server_at_.size) == 0;
  }
  ~Resolver() { close(server_); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  [[nodiscard]] bool connect() const {
    return ::connect(client_.socket(), server_at_.get(), server_at_.size) == 0;
  }
  [[nodiscard]] bool send(const std::string& answer, int flags = 0) const {
    return good_ && sendto(server_, answer.data(), answer.size(), flags, client_at_.get(),
                           client_at_.size) == static_cast<ssize_t>(answer.size());
  }
  /// What is added to a datagram before it goes out lies in pages, as with drivers that receive so.
  [[nodiscard]] bool send_in_pages(const std::string& answer) const {
    const std::string begin = answer.substr(0, 1);
    return send(begin, MSG_MORE) && send(answer.substr(begin.size()));
  }
  [[nodiscard]] bool receive(const std::string& answer, int flags = 0, std::size_t room = 0) const {
    std::string got(answer.size() + room, '\0');
    const ssize_t size = recv(client_.socket(), got.data(), got.size(), flags);
    return size >= 0 && got.substr(0, static_cast<std::size_t>(size)) == answer;
  }
  [[nodiscard]] int socket() const { return client_.socket(); }

 private:
  int server_;
  Listener client_;
  Address server_at_;
  Address client_at_;
  bool good_ = false;
};

/// Runs `act` in a child with a resolver at `where`.
Acted resolve(const std::string& where, const std::function<bool(const Resolver&)>& act,
              std::uint16_t port = kDnsPort) {
  return in_child([&] { return enter_own_network() && act(Resolver(where, port)) ? 0 : 1; });
}

using DnsTest = ProbeTest;
class DnsFamilyTest : public DnsTest, public testing::WithParamInterface<const char*> {};

TEST_P(DnsFamilyTest, TellsTheAnswersOfAConnectedSocket) {
  const Acted child = resolve(GetParam(), [](const Resolver& resolver) {
    return resolver.connect() && resolver.send(kAnswer) && resolver.receive(kAnswer) &&
           resolver.send(kNoSuchName) && resolver.receive(kNoSuchName);
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_dns);
  ASSERT_EQ(records.size(), 2U);
  expect_name(records[0], child, {EVENT_dns, GetParam(), kDnsPort, kAnswer});
  expect_name(records[1], child, {EVENT_dns, GetParam(), kDnsPort, kNoSuchName});
}

TEST_P(DnsFamilyTest, TellsTheAnswersOfASocketThatIsNotConnected) {
  const Acted child = resolve(GetParam(), [](const Resolver& resolver) {
    return resolver.send(kAnswer) && resolver.receive(kAnswer);
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_dns);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child, {EVENT_dns, GetParam(), kDnsPort, kAnswer});
}

TEST_P(DnsFamilyTest, TellsAnAnswerThatLiesInPages) {
  const Acted child = resolve(GetParam(), [](const Resolver& resolver) {
    return resolver.send_in_pages(kAnswer) && resolver.receive(kAnswer) &&
           resolver.send_in_pages(kNoSuchName) && resolver.receive(kNoSuchName, 0, 100);
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_dns);
  ASSERT_EQ(records.size(), 2U);
  expect_name(records[0], child, {EVENT_dns, GetParam(), kDnsPort, kAnswer});
  expect_name(records[1], child, {EVENT_dns, GetParam(), kDnsPort, kNoSuchName});
}

INSTANTIATE_TEST_SUITE_P(Families, DnsFamilyTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& row) {
                           return std::string(row.index == 0 ? "udp4" : "udp6");
                         });

TEST_F(DnsTest, TellsAnAnswerOnceThoughItIsPeekedAt) {
  const Acted child = resolve("127.0.0.1", [](const Resolver& resolver) {
    return resolver.send(kAnswer) && resolver.receive(kAnswer, MSG_PEEK) &&
           resolver.receive(kAnswer);
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_EQ(select(seen(), EVENT_dns).size(), 1U);
}

TEST_F(DnsTest, CutsALongAnswer) {
  constexpr std::size_t kMost = 1232;
  const std::string answer = kAnswer + std::string(kMost, 'x');
  const Acted child = resolve("127.0.0.1", [&](const Resolver& resolver) {
    return resolver.send(answer) && resolver.receive(answer);
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_dns);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child,
              {EVENT_dns, "127.0.0.1", kDnsPort, answer.substr(0, kMost), NAME_RAW | NAME_CUT});
}

TEST_F(DnsTest, SaysThatAnAnswerInPagesWasGivenInParts) {
  const Acted child = resolve("127.0.0.1", [](const Resolver& resolver) {
    char text[2][20];
    const iovec parts[] = {{text[0], sizeof(text[0])}, {text[1], sizeof(text[1])}};
    return resolver.send_in_pages(kAnswer) && readv(resolver.socket(), parts, 2) == 40;
  });
  EXPECT_EQ(child.status, 0);
  const Records records = select(seen(), EVENT_dns);
  ASSERT_EQ(records.size(), 1U);
  expect_name(records[0], child, {EVENT_dns, "127.0.0.1", kDnsPort, "", NAME_RAW | NAME_CUT});
}

TEST_F(DnsTest, IsSilentOnWhatIsNoAnswerAndOnOtherPorts) {
  const std::string question = dns_message("api.example.com", kDnsA, {}, 0x0100);
  for (const std::string& text : {question, std::string("short")}) {
    EXPECT_EQ(resolve("127.0.0.1",
                      [&](const Resolver& resolver) {
                        return resolver.send(text) && resolver.receive(text);
                      })
                  .status,
              0);
  }
  const Acted other = resolve(
      "127.0.0.1",
      [](const Resolver& resolver) {
        return resolver.send(kAnswer) && resolver.receive(kAnswer) && resolver.connect() &&
               resolver.send(kAnswer) && resolver.receive(kAnswer);
      },
      5353);
  EXPECT_EQ(other.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_dns).empty());
}

TEST_F(DnsTest, IsSilentWhereNothingComes) {
  const Acted child = resolve("127.0.0.1", [](const Resolver& resolver) {
    return resolver.connect() && !resolver.receive(kAnswer, MSG_DONTWAIT);
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_dns).empty());
}

TEST_F(DnsTest, IsSilentOnTheAgentItself) {
  std::thread([] {
    EXPECT_TRUE(enter_own_network());
    const Resolver resolver("127.0.0.1");
    EXPECT_TRUE(resolver.send(kAnswer) && resolver.receive(kAnswer));
  }).join();
  EXPECT_TRUE(select(seen(), EVENT_dns).empty());
}

}  // namespace
}  // namespace idtrail::test
