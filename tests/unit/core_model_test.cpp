// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "core/common/hash.h"
#include "core/model/destination.h"
#include "core/model/identity.h"
#include "core/model/observation.h"
#include "core/model/refs.h"
#include "core/model/subject.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

Identity cart() {
  Identity identity;
  identity.kind = IdentityKind::kPod;
  identity.namespace_name = "shop";
  identity.owner_kind = "Deployment";
  identity.owner_name = "cart";
  identity.container = "server";
  return identity;
}

Connect to(const char* address, std::uint16_t port = 443) {
  Connect connect;
  connect.family =
      std::string_view(address).find(':') == std::string_view::npos ? AF_INET : AF_INET6;
  inet_pton(connect.family, address, connect.destination.data());
  connect.destination_port = port;
  connect.protocol = IPPROTO_TCP;
  return connect;
}

TEST(IdentityId, DependsOnEveryFieldAndOnTheirBorders) {
  const std::uint64_t id = identity_id(cart());
  EXPECT_EQ(identity_id(cart()), id);
  for (std::string Identity::*field :
       {&Identity::cluster, &Identity::namespace_name, &Identity::owner_kind, &Identity::owner_name,
        &Identity::container, &Identity::service_account}) {
    Identity other = cart();
    other.*field += "x";
    EXPECT_NE(identity_id(other), id);
  }
  Identity shifted = cart();
  shifted.namespace_name = "shopD";
  shifted.owner_kind = "eployment";
  EXPECT_NE(identity_id(shifted), id);
}

TEST(IdentityRef, ComesBackAsTheSameIdentity) {
  const v1::IdentityRef ref = to_ref(cart());
  EXPECT_EQ(from_ref(ref), cart());
  EXPECT_EQ(identity_id(ref), identity_id(cart()));
}

TEST(IdentityRef, KeepsTheIdOfANameThatIsNoUtf8) {
  Identity odd = cart();
  odd.owner_name = "\xff";
  EXPECT_EQ(identity_id(to_ref(odd)), identity_id(odd));
}

TEST(DisplayName, OfAnIdentityIsItsPath) {
  EXPECT_EQ(display_name(cart()), "shop/cart/server");
  EXPECT_EQ(display_name(Identity()), "host");
}

Subject curl() {
  Subject subject;
  subject.executable = "/usr/bin/curl";
  subject.lineage = {"/bin/sh", "/usr/bin/node"};
  subject.entry = Entry::kContainer;
  seal(subject);
  return subject;
}

TEST(SubjectHash, TellsAppletScriptOriginEntryAndLineageApart) {
  const std::uint64_t hash = curl().hash;
  const auto changed = [](auto change) {
    Subject subject = curl();
    change(subject);
    seal(subject);
    return subject.hash;
  };
  EXPECT_EQ(changed([](Subject&) {}), hash);
  EXPECT_NE(changed([](Subject& s) { s.applet = "cat"; }), hash);
  EXPECT_NE(changed([](Subject& s) { s.script = "/x"; }), hash);
  EXPECT_NE(changed([](Subject& s) { s.origin = Origin::kUpper; }), hash);
  EXPECT_NE(changed([](Subject& s) { s.entry = Entry::kEntered; }), hash);
  EXPECT_NE(changed([](Subject& s) { s.lineage.pop_back(); }), hash);
  EXPECT_EQ(changed([](Subject& s) { s.entry_hash = 7; }), hash) << "not entered";
}

TEST(SubjectHash, TellsCommandsThatEnteredApart) {
  Subject one = curl();
  one.entry = Entry::kEntered;
  one.entry_hash = 1;
  seal(one);
  Subject two = one;
  two.entry_hash = 2;
  seal(two);
  EXPECT_NE(one.hash, two.hash);
}

TEST(DisplayName, OfASubjectIsItsLineage) {
  Subject subject = curl();
  EXPECT_EQ(display_name(subject), "/usr/bin/curl < /bin/sh < /usr/bin/node");
  subject.applet = "c\nl";
  subject.lineage_complete = false;
  EXPECT_EQ(display_name(subject), "/usr/bin/curl (c\\nl) < /bin/sh < /usr/bin/node < ?");
}

struct ReachRow {
  const char* address;
  Reach reach;
};
void PrintTo(const ReachRow& row, std::ostream* out) { *out << row.address; }
class DestinationReach : public ::testing::TestWithParam<ReachRow> {};

TEST_P(DestinationReach, FollowsTheAddress) {
  EXPECT_EQ(destination_of(to(GetParam().address)).reach, GetParam().reach);
}

INSTANTIATE_TEST_SUITE_P(
    Addresses, DestinationReach,
    ::testing::Values(
        ReachRow{"127.0.0.9", Reach::kLoopback}, ReachRow{"0.0.0.0", Reach::kLoopback},
        ReachRow{"::1", Reach::kLoopback}, ReachRow{"::", Reach::kLoopback},
        ReachRow{"::ffff:127.0.0.1", Reach::kLoopback}, ReachRow{"10.1.2.3", Reach::kPrivate},
        ReachRow{"172.31.0.1", Reach::kPrivate}, ReachRow{"172.32.0.1", Reach::kPublic},
        ReachRow{"192.168.0.1", Reach::kPrivate}, ReachRow{"100.64.0.1", Reach::kPrivate},
        ReachRow{"100.128.0.1", Reach::kPublic}, ReachRow{"169.254.169.254", Reach::kLinkLocal},
        ReachRow{"fe80::1", Reach::kLinkLocal}, ReachRow{"fd00::1", Reach::kPrivate},
        ReachRow{"8.8.8.8", Reach::kPublic}, ReachRow{"2001:db8::1", Reach::kPublic}));

TEST(Destination, IsNamedAsPeopleWriteIt) {
  EXPECT_EQ(display_name(destination_of(to("10.96.0.1"))), "tcp 10.96.0.1:443");
  EXPECT_EQ(display_name(destination_of(to("fd00::1", 53))), "tcp [fd00::1]:53");
  EXPECT_EQ(display_name(destination_of(to("::ffff:10.0.0.1"))), "tcp 10.0.0.1:443");
}

TEST(Destination, NamesTheResult) {
  Connect connect = to("10.0.0.1");
  EXPECT_EQ(connect_result(connect), "connected");
  connect.result = -EINPROGRESS;
  EXPECT_EQ(connect_result(connect), "in-progress");
  connect.result = -ECONNREFUSED;
  EXPECT_EQ(connect_result(connect), "ECONNREFUSED");
  connect.flags = CONNECT_RESULT_UNKNOWN;
  EXPECT_EQ(connect_result(connect), "unknown");
}

TEST(Credential, LosesTheRandomPartOfAProjectedVolumesNameOnly) {
  Credential credential;
  credential.volume = "kube-api-access-x7k2p";
  EXPECT_EQ(volume_name(credential), "kube-api-access");
  credential.volume = "database-x7k2p";
  EXPECT_EQ(volume_name(credential), "database-x7k2p");
}

TEST(ForeignRead, NeedsAnOwnerAndAReaderThatAreKnown) {
  const Identity pod = cart();
  Instance instance;
  instance.pod_uid = "a";
  Credential credential;
  credential.pod_uid = "a";
  Who who;
  who.identity = &pod;
  who.instance = &instance;
  EXPECT_FALSE(is_foreign_read(who, credential));
  credential.pod_uid = "b";
  EXPECT_TRUE(is_foreign_read(who, credential));
  credential.pod_uid = "";
  EXPECT_FALSE(is_foreign_read(who, credential));
  credential.pod_uid = "b";
  who.unresolved = true;
  EXPECT_FALSE(is_foreign_read(who, credential));
}

TEST(FamilyName, ReadsBack) {
  for (const Family family :
       {Family::kExec, Family::kCredential, Family::kDestination, Family::kEntry}) {
    EXPECT_EQ(family_of(family_name(family)), family);
  }
  EXPECT_EQ(family_of("other"), Family::kNone);
}

}  // namespace
}  // namespace idtrail
