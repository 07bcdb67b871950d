// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "agent/decode/decoder.h"
#include "tests/unit/agent_records.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::Bytes;
using testing::Program;

TEST(Decoder, ReadsTheHeaderOfEveryKind) {
  Counters counters;
  Decoder decoder(counters);
  for (const Bytes& record : testing::one_of_each()) {
    std::uint16_t kind = 0;
    std::memcpy(&kind, record.data() + offsetof(event_header, kind), sizeof(kind));
    const auto event = decoder.decode(record);
    ASSERT_TRUE(event) << kind;
    EXPECT_EQ(event->kind, kind);
    EXPECT_EQ(event->at, boot_time(42));
    EXPECT_EQ(event->cgroup, CgroupId{9});
    EXPECT_EQ(event->process, (ProcessKey{.tgid = 7, .started = boot_time(3)}));
    EXPECT_EQ(counters.received[kind], 1U);
  }
}

TEST(Decoder, ReadsTheTextOfAnExec) {
  Event event;
  const Bytes record = testing::exec_record(
      {}, {.path = "/bin/busybox", .args = std::string("sh\0-c\0id", 8), .filename = "/bin/sh"});
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  const auto& exec = std::get<Exec>(event.body);
  EXPECT_EQ(exec.path, "/bin/busybox");
  EXPECT_EQ(exec.filename, "/bin/sh");
  EXPECT_EQ(exec.cwd, "/");
  EXPECT_EQ(exec.arguments, std::string_view("sh\0-c\0id", 8));
}

TEST(Decoder, TakesArgumentsThatWereCutBeforeTheirNul) {
  Bytes record = testing::exec_record({}, {.path = "/bin/echo", .args = "echo a"});
  record.back() = std::byte{'b'};
  Event event;
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  EXPECT_EQ(std::get<Exec>(event.body).arguments, "echo ab");
}

TEST(Decoder, ReadsCredentialNames) {
  const Bytes record = testing::one_of_each()[5];
  Event event;
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  const auto& read = std::get<CredentialRead>(event.body);
  EXPECT_EQ(read.name, "token");
  EXPECT_EQ(read.dir, "..2026_11_22");
  EXPECT_EQ(read.file, (FileId{.inode = 1, .device = 2}));
}

TEST(Decoder, ReadsEveryFieldOfAPrivilege) {
  Event event;
  const Bytes record = testing::privilege_record({}, EVENT_setid, "name");
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  const auto& use = std::get<PrivilegeUse>(event.body);
  EXPECT_EQ(use.exe.inode, testing::file_of("/bin/su").inode);
  EXPECT_EQ(use.op, 1U);
  EXPECT_EQ(use.result, -1);
  EXPECT_EQ(use.flags, 2U);
  EXPECT_EQ(use.uid, 3U);
  EXPECT_EQ(use.target_tgid, 4U);
  EXPECT_EQ(use.arguments, (std::array<std::uint64_t, 2>{5, 6}));
  EXPECT_EQ(use.marks, 0U);
  EXPECT_EQ(use.name, "name");
}

TEST(Decoder, RefusesAPrivilegeThatTheContractDoesNotName) {
  const auto refusal = [](auto field, auto value) {
    Bytes record = testing::privilege_record({}, EVENT_setid);
    std::memcpy(record.data() + sizeof(event_header) + field, &value, sizeof(value));
    Event event;
    return decode_record(record, event);
  };
  constexpr std::size_t kOp = offsetof(privilege_payload, op);
  constexpr std::size_t kResult = offsetof(privilege_payload, result);
  constexpr std::size_t kMarks = offsetof(privilege_payload, marks);
  EXPECT_EQ(refusal(kOp, std::uint16_t{0}), Refusal::kValue);
  EXPECT_EQ(refusal(kOp, std::uint16_t{SETID_FS_GROUP}), Refusal::kNone);
  EXPECT_EQ(refusal(kOp, std::uint16_t{SETID_FS_GROUP + 1}), Refusal::kValue);
  EXPECT_EQ(refusal(kResult, 1), Refusal::kValue);
  EXPECT_EQ(refusal(kResult, -4096), Refusal::kValue);
  EXPECT_EQ(refusal(kMarks, std::uint16_t{PRIVILEGE_RESULT_UNKNOWN}), Refusal::kNone);
  EXPECT_EQ(refusal(kMarks, std::uint16_t{2}), Refusal::kValue);
}

TEST(Decoder, ReadsWhereAProcessListens) {
  Event event;
  ASSERT_EQ(decode_record(testing::listen_record({}, {.path = "/bin/nc"}, 8080), event),
            Refusal::kNone);
  const auto& listen = std::get<Listen>(event.body);
  EXPECT_EQ(listen.local_port, 8080U);
  EXPECT_EQ(listen.backlog, 128U);
  EXPECT_EQ(listen.family, 2U);
  EXPECT_EQ(listen.protocol, 6U);
  EXPECT_NE(listen.exe.inode, 0U);
}

TEST(Decoder, ReadsBothEndsOfWhatWasAccepted) {
  Event event;
  ASSERT_EQ(decode_record(testing::accept_record({}, {.path = "/bin/nc"}, 8080), event),
            Refusal::kNone);
  const auto& accept = std::get<Accept>(event.body);
  EXPECT_EQ(accept.local_port, 8080U);
  EXPECT_EQ(accept.peer_port, 40312U);
  EXPECT_EQ(accept.peer[0], 10U);
}

TEST(Decoder, ReadsTheNamesOfAUnixSocket) {
  Event event;
  const std::string asked("docker.sock\0rest", 16);
  const Bytes bound = testing::unix_record({}, {.path = "/bin/nc"}, asked, "/run/docker.sock");
  ASSERT_EQ(decode_record(bound, event), Refusal::kNone);
  EXPECT_EQ(std::get<UnixConnect>(event.body).name, "docker.sock");
  EXPECT_EQ(std::get<UnixConnect>(event.body).path, "/run/docker.sock");
  EXPECT_EQ(std::get<UnixConnect>(event.body).type, 1U);

  const std::string abstract("\0a\0b", 4);
  const Bytes nameless = testing::unix_record({}, {.path = "/bin/nc"}, abstract, "");
  ASSERT_EQ(decode_record(nameless, event), Refusal::kNone);
  EXPECT_EQ(std::get<UnixConnect>(event.body).name, abstract);
  EXPECT_EQ(std::get<UnixConnect>(event.body).path, "");
}

TEST(Decoder, RefusesAUnixNameThatIsLongerThanAnAddress) {
  Event event;
  const Bytes record = testing::unix_record({}, {.path = "/bin/nc"}, std::string(109, 'n'), "");
  EXPECT_EQ(decode_record(record, event), Refusal::kTail);
}

TEST(Decoder, ReadsTheBytesOfAFlow) {
  Event event;
  ASSERT_EQ(decode_record(testing::flow_record({}, {.path = "/bin/nc"}, 10, 20), event),
            Refusal::kNone);
  const auto& flow = std::get<Flow>(event.body);
  EXPECT_EQ(flow.bytes_sent, 10U);
  EXPECT_EQ(flow.bytes_received, 20U);
  EXPECT_EQ(flow.duration, std::chrono::seconds(1));
  EXPECT_EQ(flow.peer_port, 443U);
}

TEST(Decoder, ReadsAWriteToASensitivePlace) {
  Event event;
  const Program shell{.path = "/bin/sh"};
  const Bytes record =
      testing::write_record({}, shell, "/etc/cron.d/job");  // what text points into
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  const auto& write = std::get<Write>(event.body);
  EXPECT_EQ(write.path, "/etc/cron.d/job");
  EXPECT_EQ(write.op, WRITE_OPEN);
  EXPECT_EQ(write.place, PLACE_CRON);
}

TEST(Decoder, RefusesAWriteOfNoKnownPlaceOrKind) {
  Event event;
  const Program shell{.path = "/bin/sh"};
  for (const std::uint16_t wrong : {std::uint16_t{0}, std::uint16_t{7}}) {
    EXPECT_EQ(decode_record(testing::write_record({}, shell, "/x", WRITE_OPEN, wrong), event),
              Refusal::kValue);
    EXPECT_EQ(decode_record(testing::write_record({}, shell, "/x", wrong, PLACE_CRON), event),
              Refusal::kValue);
  }
}

TEST(Decoder, ReadsANameAndItsAddresses) {
  Event event;
  const Bytes record = testing::name_record({}, EVENT_dns, "a.example", "\x01\x02\x03\x04");
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  const auto& answer = std::get<NetworkName>(event.body);
  EXPECT_EQ(answer.name, "a.example");
  EXPECT_EQ(answer.addresses, "\x01\x02\x03\x04");
  EXPECT_EQ(answer.question_type, 1U);
  EXPECT_EQ(answer.peer_port, 53U);
}

TEST(Decoder, RefusesWhatWentOverTheNetworkAndAddressesThatNobodyAskedFor) {
  Event event;
  EXPECT_EQ(decode_record(testing::raw_name_record({}, EVENT_tls, "hello"), event),
            Refusal::kValue);
  name_payload payload{};
  payload.family = 2;
  payload.address_count = 1;
  EXPECT_EQ(decode_record(testing::record({}, EVENT_dns, payload), event), Refusal::kValue);
  payload.question_type = 28;
  payload.address_count = EVENT_ADDRESSES_MAX + 1;
  EXPECT_EQ(decode_record(testing::record({}, EVENT_dns, payload, Bytes(33 * 16)), event),
            Refusal::kValue);
}

TEST(Decoder, ReadsAReadOfAKeyFile) {
  Event event;
  const testing::Program cat{.path = "/bin/cat"};
  const Bytes record = testing::keyfile_record({}, cat, "/proc/9/environ", KEY_ENVIRON, -13, 9);
  ASSERT_EQ(decode_record(record, event), Refusal::kNone);
  const auto& read = std::get<CredentialRead>(event.body);
  EXPECT_EQ(event.kind, EVENT_keyfile);
  EXPECT_EQ(read.path, "/proc/9/environ");
  EXPECT_EQ(read.sort, KEY_ENVIRON);
  EXPECT_EQ(read.result, -13);
  EXPECT_EQ(read.target_tgid, 9U);
  EXPECT_EQ(read.file.inode, testing::file_of("/proc/9/environ").inode);
}

TEST(Decoder, RefusesAKeyOfNoKnownSortOrResult) {
  Event event;
  for (const int wrong : {0, KEY_ENVIRON + 1}) {
    const auto sort = static_cast<std::uint16_t>(wrong);
    EXPECT_EQ(decode_record(testing::keyfile_record({}, {.path = "/x"}, "/k", sort), event),
              Refusal::kValue);
  }
  EXPECT_EQ(decode_record(testing::keyfile_record({}, {.path = "/x"}, "/k", KEY_SSH, 1), event),
            Refusal::kValue);
}

TEST(Decoder, NamesASystemCallByItsTable) {
  struct Case {
    std::uint32_t number;
    std::uint16_t table;
    const char* name;
  };
  for (const Case& one : {Case{SYS_openat, SYSCALLS_NATIVE, "openat"},
#ifdef __x86_64__
                          Case{20, SYSCALLS_NATIVE, "writev"}, Case{20, SYSCALLS_32BIT, "getpid"},
                          Case{520, SYSCALLS_X32, "execve"},
#endif
                          Case{SYSCALL_LARGER, SYSCALLS_NATIVE, ""}}) {
    Event event;
    const Bytes record = testing::syscall_record({}, one.number, one.table);
    ASSERT_EQ(decode_record(record, event), Refusal::kNone);
    const auto& call = std::get<SystemCall>(event.body);
    EXPECT_EQ(call.name, one.name);
    EXPECT_EQ(call.number, one.number);
    EXPECT_EQ(call.table, one.table);
    EXPECT_NE(call.exe.inode, 0U);
  }
}

TEST(Decoder, RefusesASystemCallOfNoTable) {
  Event event;
  EXPECT_EQ(decode_record(testing::syscall_record({}, 0, SYSCALL_TABLES), event), Refusal::kValue);
  EXPECT_EQ(decode_record(testing::syscall_record({}, SYSCALL_NUMBERS), event), Refusal::kValue);
}

TEST(Decoder, RefusesAFlowLongerThanTime) {
  Event event;
  flow_payload payload{};
  payload.family = 2;
  payload.duration_ns = ~0ULL;
  EXPECT_EQ(decode_record(testing::record({}, EVENT_flow, payload), event), Refusal::kValue);
}

TEST(Decoder, RefusesAnAddressOfNoInternetFamily) {
  Event event;
  const socket_payload payload{};
  EXPECT_EQ(decode_record(testing::record({}, EVENT_listen, payload), event), Refusal::kValue);
  EXPECT_EQ(decode_record(testing::record({}, EVENT_accept, payload), event), Refusal::kValue);
  EXPECT_EQ(decode_record(testing::record({}, EVENT_flow, flow_payload{}), event), Refusal::kValue);
}

TEST(Decoder, RefusesEveryPrefixOfEveryRecord) {
  for (const Bytes& record : testing::one_of_each()) {
    for (std::size_t size = 0; size < record.size(); ++size) {
      Bytes cut(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(size));
      Event event;
      EXPECT_NE(decode_record(cut, event), Refusal::kNone) << size;
      if (size < sizeof(event_header)) continue;
      const auto stated = static_cast<std::uint32_t>(size);
      std::memcpy(cut.data() + offsetof(event_header, size), &stated, sizeof(stated));
      EXPECT_NE(decode_record(cut, event), Refusal::kNone) << size;
    }
  }
}

TEST(Decoder, CountsWhatItRefusesByKindAndReason) {
  Counters counters;
  Decoder decoder(counters);
  Bytes longer = testing::exit_record({});
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decoder.decode(longer));
  EXPECT_EQ(counters[Counter::discarded_size], 1U);
  EXPECT_EQ(counters.discarded[EVENT_exit], 1U);

  EXPECT_FALSE(decoder.decode(testing::record({}, 200, exit_payload{})));
  EXPECT_EQ(counters[Counter::discarded_kind], 1U);
  EXPECT_EQ(counters.discarded[0], 1U);

  EXPECT_FALSE(decoder.decode(testing::mount_record({}, 1, 9)));
  EXPECT_EQ(counters[Counter::discarded_value], 1U);

  EXPECT_FALSE(decoder.decode(std::span<const std::byte>()));
  EXPECT_EQ(counters[Counter::discarded_truncated], 1U);
}

TEST(Decoder, RefusesTextThatIsNotTerminatedOrHoldsANul) {
  Event event;
  Bytes open = testing::cgroup_record({}, 5, 4, "/a/b");
  open.back() = std::byte{'x'};
  EXPECT_EQ(decode_record(open, event), Refusal::kTail);
  Bytes inner = testing::cgroup_record({}, 5, 4, "/a/b");
  inner[inner.size() - 3] = std::byte{0};
  EXPECT_EQ(decode_record(inner, event), Refusal::kTail);
  Bytes name = testing::one_of_each()[5];
  std::fill_n(name.begin() + sizeof(event_header) + offsetof(credential_payload, name),
              EVENT_NAME_MAX, std::byte{'n'});
  EXPECT_EQ(decode_record(name, event), Refusal::kTail);
  Bytes use = testing::privilege_record({}, EVENT_setid);
  std::fill_n(use.end() - EVENT_NAME_MAX, EVENT_NAME_MAX, std::byte{'n'});
  EXPECT_EQ(decode_record(use, event), Refusal::kTail);
}

}  // namespace
}  // namespace idtrail
