// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "agent/decode/decoder.h"
#include "agent/decode/network_name.h"
#include "tests/unit/agent_records.h"
#include "tests/unit/network_bytes.h"

namespace idtrail {
namespace {

using network::client_hello;
using network::dns_message;
using network::kDnsA;
using network::kDnsAaaa;
using network::kDnsCname;
using testing::Bytes;

/// A record after the reader has taken the name, decoded.
struct Taken {
  Bytes record;
  Event event;

  Taken(std::uint16_t kind, std::string_view raw, std::uint32_t flags = NAME_RAW)
      : record(testing::raw_name_record({}, kind, raw, flags)) {
    record.resize(take_network_name(record));
    EXPECT_EQ(decode_record(record, event), Refusal::kNone);
  }
  const NetworkName* operator->() const { return &std::get<NetworkName>(event.body); }
  [[nodiscard]] bool holds(std::string_view text) const {
    return std::string_view(reinterpret_cast<const char*>(record.data()), record.size())
               .find(text) != std::string_view::npos;
  }
};

TEST(NetworkName, OfAnAnswerIsTheOneAskedForWithItsAddresses) {
  const Taken taken(EVENT_dns, dns_message("Api.Example.com", kDnsA,
                                           {{kDnsA, "\x5d\xb8\xd8\x22"}, {kDnsA, "\1\2\3\4"}}));
  EXPECT_EQ(taken->name, "api.example.com");
  EXPECT_EQ(taken->addresses, "\x5d\xb8\xd8\x22\1\2\3\4");
  EXPECT_EQ(taken->question_type, kDnsA);
  EXPECT_EQ(taken->answer_code, 0U);
  EXPECT_EQ(taken->flags, 0U);
}

TEST(NetworkName, FollowsACanonicalNameToAddressesOfVersionSix) {
  const std::string address(16, '\x20');
  const Taken taken(EVENT_dns, dns_message("www.example", kDnsAaaa,
                                           {{kDnsCname, network::dns_name("edge.example")},
                                            {kDnsA, "\1\2\3\4"},
                                            {kDnsAaaa, address}}));
  EXPECT_EQ(taken->name, "www.example");
  EXPECT_EQ(taken->addresses, address);
}

TEST(NetworkName, OfANameThatDoesNotExistSaysSo) {
  const Taken taken(EVENT_dns, dns_message("no.such", kDnsA, {}, 0x8183));
  EXPECT_EQ(taken->name, "no.such");
  EXPECT_EQ(taken->answer_code, 3U);
  EXPECT_EQ(taken->addresses, "");
}

TEST(NetworkName, OfACutAnswerHasTheAddressesThatAreWhole) {
  const std::vector<network::DnsRecord> records(40, {kDnsA, "\1\2\3\4"});
  const std::string all = dns_message("many.example", kDnsA, records);
  const std::size_t question = all.size() - records.size() * 16;
  const Taken cut(EVENT_dns, all.substr(0, question + 3 * 16 + 5), NAME_RAW | NAME_CUT);
  EXPECT_EQ(cut->name, "many.example");
  EXPECT_EQ(cut->addresses.size(), 3U * 4);
  EXPECT_EQ(cut->flags, NAME_CUT);

  const Taken whole(EVENT_dns, all);
  EXPECT_EQ(whole->addresses.size(), EVENT_ADDRESSES_MAX * 4U);
  EXPECT_EQ(whole->flags, NAME_CUT);
}

TEST(NetworkName, OfWhatIsNoAnswerIsNone) {
  const std::string questions[] = {dns_message("a.example", kDnsA, {}, 0x0100), "", "short",
                                   std::string(300, '\xC0')};
  for (const std::string& bytes : questions) {
    EXPECT_EQ(Taken(EVENT_dns, bytes)->flags, NAME_NONE);
    EXPECT_NE(Taken(EVENT_dns, bytes, NAME_RAW | NAME_CUT)->flags & NAME_NONE, 0U);
  }
}

TEST(NetworkName, OfAHelloIsTheServersName) {
  EXPECT_EQ(Taken(EVENT_tls, client_hello("API.example.com"))->name, "api.example.com");
  EXPECT_EQ(Taken(EVENT_tls, client_hello("far.example", 1500))->name, "far.example");
  EXPECT_EQ(Taken(EVENT_tls, client_hello(""))->flags, NAME_NONE);
  EXPECT_EQ(Taken(EVENT_tls, client_hello("a b"))->flags, NAME_NONE);
  EXPECT_EQ(Taken(EVENT_tls, client_hello(std::string(300, 'n')))->flags, NAME_NONE);
}

TEST(NetworkName, OfAHelloThatIsCutAnywhereIsWholeOrNone) {
  const std::string hello = client_hello("api.example.com");
  for (std::size_t size = 0; size < hello.size(); ++size) {
    const Taken cut(EVENT_tls, hello.substr(0, size), NAME_RAW | NAME_CUT);
    EXPECT_EQ(cut->flags, NAME_CUT | NAME_NONE);
    EXPECT_EQ(cut->name, "");
  }
}

TEST(NetworkName, OfARequestIsMethodAndPathWithoutWhatFollows) {
  const Taken taken(EVENT_http,
                    "GET /latest/meta-data/?token=hunter2 HTTP/1.1\r\nX-Secret: hunter3\r\n\r\n");
  EXPECT_EQ(taken->name, "GET /latest/meta-data/?");
  EXPECT_FALSE(taken.holds("hunter"));
  EXPECT_EQ(Taken(EVENT_http, "PUT /latest/api/token HTTP/1.1\r\n")->name, "PUT /latest/api/token");
  EXPECT_EQ(Taken(EVENT_http, "GET /cut", NAME_RAW | NAME_CUT)->name, "GET /cu");
  EXPECT_EQ(Taken(EVENT_http, "GET /a?b", NAME_RAW | NAME_CUT)->name, "GET /a?");
}

TEST(NetworkName, OfWhatIsNoRequestIsNoneAndNothingOfItStays) {
  for (const char* bytes :
       {"secret payload", "", "GET", "GET \r\n", "POST\t/x", "GET /\x01 HTTP/1.1"}) {
    const Taken taken(EVENT_http, bytes);
    EXPECT_EQ(taken->flags, NAME_NONE) << bytes;
    EXPECT_EQ(taken.record.size(), sizeof(event_header) + sizeof(name_payload)) << bytes;
  }
}

TEST(NetworkName, LeavesEveryOtherRecordAsItIs) {
  Bytes exec = testing::exec_record({}, {.path = "/bin/sh"});
  const Bytes before = exec;
  EXPECT_EQ(take_network_name(exec), before.size());
  EXPECT_EQ(exec, before);
  Bytes done = testing::name_record({}, EVENT_tls, "a.example");
  EXPECT_EQ(take_network_name(done), done.size());
}

TEST(NetworkName, LeavesARecordThatContradictsItselfToTheDecoder) {
  const Bytes good = testing::raw_name_record({}, EVENT_http, "GET /x HTTP/1.1\r\n");
  for (std::size_t size = 0; size < good.size(); ++size) {
    Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(take_network_name(cut), size);
    Event event;
    EXPECT_NE(decode_record(cut, event), Refusal::kNone);
  }
}

}  // namespace
}  // namespace idtrail
