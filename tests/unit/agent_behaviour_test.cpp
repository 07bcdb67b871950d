// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "agent/decode/behaviour_of.h"
#include "agent/decode/decoder.h"
#include "idtrail/siphash.h"
#include "tests/unit/agent_records.h"

namespace idtrail {
namespace {

constexpr __u64 kSecret[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

/// Expected values: `openssl mac -macopt c-rounds:1 -macopt d-rounds:3 -macopt size:8 SIPHASH` over
/// the bytes 0, 1, 2, … with the key 00 01 … 0f.
TEST(SipHash, AgreesWithAnotherImplementation) {
  __u64 words[3];
  for (unsigned char i = 0; i < sizeof(words); ++i)
    std::memset(reinterpret_cast<char*>(words) + i, i, 1);
  EXPECT_EQ(siphash13(words, 0, kSecret), 0xabac0158050fc4dcULL);
  EXPECT_EQ(siphash13(words, 8, kSecret), 0x369095118d299a8eULL);
  EXPECT_EQ(siphash13(words, 16, kSecret), 0xcc4fdd1a7d908b66ULL);
  EXPECT_EQ(siphash13(words, 24, kSecret), 0xf464aeb267349c8cULL);
  words[2] &= 0xffffffffffULL;  // what is beyond the end
  EXPECT_EQ(siphash13(words, 21, kSecret), 0xb992abfe2b45f844ULL);
}

behaviour some() {
  behaviour one{};
  one.cgroup_id = 77;
  one.lineage = 7'000'000'001;
  one.kind = EVENT_credential;
  one.object[0] = 1234;
  one.object[1] = 5678;
  one.object[2] = 9;
  return one;
}

TEST(BehaviourKey, EveryBitCounts) {
  const behaviour one = some();
  const std::uint64_t key = behaviour_key(&one, kSecret);
  static_assert(BEHAVIOUR_BYTES == offsetof(behaviour, reserved));
  for (std::size_t bit = 0; bit < BEHAVIOUR_BYTES * 8; ++bit) {
    behaviour other = one;
    reinterpret_cast<unsigned char*>(&other)[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
    EXPECT_NE(behaviour_key(&other, kSecret), key) << "bit " << bit;
  }
}

TEST(BehaviourKey, HangsOnTheSecret) {
  const behaviour one = some();
  const __u64 other[2] = {kSecret[0] ^ 1, kSecret[1]};
  EXPECT_NE(behaviour_key(&one, kSecret), behaviour_key(&one, other));
}

TEST(BehaviourKey, ASecondPreimageIsNotFoundByTrying) {
  std::mt19937_64 random(20261123);
  const behaviour known = some();
  const std::uint64_t key = behaviour_key(&known, kSecret);
  for (int i = 0; i < 1'000'000; ++i) {
    behaviour other = known;
    other.object[0] = random();  // what a workload can choose: the files it makes
    ASSERT_NE(behaviour_key(&other, kSecret), key);
  }
}

Event decoded(const testing::Bytes& record) {
  Event event;
  EXPECT_EQ(decode_record(record, event), Refusal::kNone);
  return event;
}

TEST(BehaviourOf, TheSourcePortIsNoneOfAConnect) {
  const testing::Act act{.at = 5, .cgroup = 9, .tgid = 42, .start = 3, .lineage = 8};
  const testing::Program program{.path = "/bin/a"};
  testing::Bytes one = testing::connect_record(act, program, 0x0A600001, 443);
  testing::Bytes two = one;
  auto* payload = reinterpret_cast<connect_payload*>(two.data() + sizeof(event_header));
  payload->src_port ^= 0x0101;
  const auto first = behaviour_of(decoded(one));
  const auto second = behaviour_of(decoded(two));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(behaviour_key(&*first, kSecret), behaviour_key(&*second, kSecret));
  payload->dst_port ^= 0x0101;
  const auto third = behaviour_of(decoded(two));
  ASSERT_TRUE(third);
  EXPECT_NE(behaviour_key(&*first, kSecret), behaviour_key(&*third, kSecret));
}

/// The keys of a record and of what differs from it.
template <typename Payload>
class Keys {
 public:
  explicit Keys(testing::Bytes one) : one_(std::move(one)) {}
  template <typename Change>
  void add(Change change) {
    testing::Bytes other = one_;
    change(*reinterpret_cast<Payload*>(other.data() + sizeof(event_header)));
    const auto behaviour = behaviour_of(decoded(other));
    ASSERT_TRUE(behaviour);
    keys_.insert(behaviour_key(&*behaviour, kSecret));
  }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  testing::Bytes one_;
  std::set<std::uint64_t> keys_;
};

TEST(BehaviourOf, AUnixConnectIsItsNameFileAndResult) {
  const testing::Act act{.at = 5, .cgroup = 9, .tgid = 42, .start = 3, .lineage = 8};
  const testing::Bytes one = testing::unix_record(act, {.path = "/bin/a"}, "/run/a", "/run/a");
  Keys<unix_payload> keys(one);
  keys.add([](unix_payload&) {});
  keys.add([](unix_payload& payload) { payload.exe.inode ^= 1; });  // the lineage says that
  EXPECT_EQ(keys.size(), 1U);
  keys.add([](unix_payload& payload) { payload.name_key ^= 1; });
  keys.add([](unix_payload& payload) { payload.file.inode ^= 1; });
  keys.add([](unix_payload& payload) { payload.file.device ^= 1; });
  keys.add([](unix_payload& payload) { payload.file.generation ^= 1; });
  keys.add([](unix_payload& payload) { payload.result = -13; });
  keys.add([](unix_payload& payload) { payload.type = 2; });
  EXPECT_EQ(keys.size(), 7U);
}

TEST(BehaviourOf, AnAcceptIsThePeerAndTheLocalPort) {
  const testing::Act act{.at = 5, .cgroup = 9, .tgid = 42, .start = 3, .lineage = 8};
  const testing::Bytes one = testing::accept_record(act, {.path = "/bin/a"}, 8080);
  Keys<socket_payload> keys(one);
  keys.add([](socket_payload&) {});
  keys.add([](socket_payload& payload) { payload.peer_port ^= 1; });
  EXPECT_EQ(keys.size(), 1U);
  keys.add([](socket_payload& payload) { payload.peer[3] ^= 1; });
  keys.add([](socket_payload& payload) { payload.local_port ^= 1; });
  keys.add([](socket_payload& payload) { payload.result = -24; });
  EXPECT_EQ(keys.size(), 4U);
}

TEST(BehaviourOf, AFlowIsItsPeerItsPortAndHowMuchWasSent) {
  const testing::Act act{.at = 5, .cgroup = 9, .tgid = 42, .start = 3, .lineage = 8};
  const testing::Bytes one = testing::flow_record(act, {.path = "/bin/a"}, 100, 1);
  Keys<flow_payload> keys(one);
  keys.add([](flow_payload&) {});
  keys.add([](flow_payload& payload) { payload.local_port ^= 1; });
  keys.add([](flow_payload& payload) { payload.bytes_sent = 4095; });
  keys.add([](flow_payload& payload) { payload.bytes_received = 1U << 30U; });
  EXPECT_EQ(keys.size(), 1U);
  keys.add([](flow_payload& payload) { payload.bytes_sent = 4096; });
  keys.add([](flow_payload& payload) { payload.bytes_sent = 1ULL << 40U; });
  keys.add([](flow_payload& payload) { payload.peer_port ^= 1; });
  keys.add([](flow_payload& payload) { payload.peer[3] ^= 1; });
  EXPECT_EQ(keys.size(), 5U);
  keys.add([](flow_payload& payload) { payload.flags = FLOW_ACCEPTED; });
  keys.add([](flow_payload& payload) { payload.flags = FLOW_ACCEPTED, payload.peer_port ^= 1; });
  EXPECT_EQ(keys.size(), 6U) << "of one that was accepted the local port counts";
}

TEST(BehaviourOf, ExecsForksAndEndsAreThoseOfTheirLineage) {
  const testing::Act act{.at = 5, .cgroup = 9, .tgid = 42, .start = 3, .lineage = 8};
  testing::Act other = act;
  other.tgid = 43;
  const testing::Program program{.path = "/bin/a"};
  const auto exec = behaviour_of(decoded(testing::exec_record(act, program)));
  const auto again = behaviour_of(decoded(testing::exec_record(other, program)));
  const auto fork = behaviour_of(decoded(testing::fork_record(act, other)));
  const auto end = behaviour_of(decoded(testing::exit_record(act)));
  other.cgroup = 10;
  const auto away = behaviour_of(decoded(testing::fork_record(act, other)));
  ASSERT_TRUE(exec && again && fork && away && end);
  EXPECT_EQ(behaviour_key(&*exec, kSecret), behaviour_key(&*again, kSecret));
  std::set<std::uint64_t> keys;
  for (const auto& one : {exec, fork, away, end}) keys.insert(behaviour_key(&*one, kSecret));
  EXPECT_EQ(keys.size(), 4U);
}

TEST(BehaviourOf, WithoutALineageItIsAlwaysSent) {
  const testing::Act act{.at = 5, .cgroup = 9, .tgid = 42, .start = 3};
  EXPECT_FALSE(behaviour_of(decoded(testing::exec_record(act, {.path = "/bin/a"}))));
  EXPECT_FALSE(behaviour_of(decoded(testing::exit_record(act))));
}

}  // namespace
}  // namespace idtrail
