// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/decode/decoder.h"
#include "agent/sources/descriptors.h"
#include "agent/sources/file.h"
#include "agent/sources/tcp_table.h"

namespace idtrail {
namespace {

constexpr const char* kLine =
    "   1: 0A00000A:9C40 0100600A:01BB 01 00000000:00000000 02:000001F3 00000000  1000        0 "
    "4712 2 0000000000000000 20 4 30 10 -1";

TEST(TcpTable, ReadsALine) {
  const auto socket = parse_tcp(kLine);
  ASSERT_TRUE(socket);
  EXPECT_TRUE(socket->v4);
  EXPECT_EQ(socket->local[0], 10);
  EXPECT_EQ(socket->local[3], 10);
  EXPECT_EQ(socket->local_port, 40000);
  EXPECT_EQ(socket->peer[0], 10);
  EXPECT_EQ(socket->peer[1], 96);
  EXPECT_EQ(socket->peer[3], 1);
  EXPECT_EQ(socket->peer_port, 443);
  EXPECT_EQ(socket->state, kTcpEstablished);
  EXPECT_EQ(socket->inode, 4712U);
}

TEST(TcpTable, RefusesWhatIsMalformedOrFindsNoRoom) {
  const std::string text = std::string("heading\n") + kLine + "\n  2: nonsense\n" + kLine + "\n";
  const TcpTable all = parse_tcp_table(text, 10);
  EXPECT_EQ(all.sockets.size(), 2U);
  EXPECT_EQ(all.refused, 1U);
  EXPECT_EQ(parse_tcp_table(text, 1).refused, 2U);
  EXPECT_TRUE(parse_tcp_table("", 1).sockets.empty());
}

v1::ProcessFact this_process() {
  v1::ProcessFact fact;
  fact.set_tgid(static_cast<std::uint32_t>(getpid()));
  fact.set_start_boot_ns(7);
  fact.set_cgroup_id(5);
  fact.set_exe_inode(1);
  return fact;
}

/// Those of one kind that this very process holds open; they live as long as `open`.
std::vector<Event> events_of(const OpenDescriptors& open, event_kind kind) {
  std::vector<Event> events;
  for (const auto& record : open.records) {
    Event event;
    EXPECT_EQ(decode_record(record, event), Refusal::kNone);
    EXPECT_TRUE(event.at_start);
    if (event.kind == kind) events.push_back(event);
  }
  return events;
}

OpenDescriptors look() {
  const v1::ProcessFact fact = this_process();
  return open_descriptors({&fact, 1}, {.proc = "/proc", .now_boot_ns = 9, .generation = {}});
}

TEST(Descriptors, TellsAKeyThatIsHeldOpenForReading) {
  const auto file = std::filesystem::current_path() / "descriptors-test.key";  // on no tmpfs
  const Fd written(open(file.c_str(), O_WRONLY | O_CREAT, 0600));
  const Fd key(open(file.c_str(), O_RDONLY));
  const OpenDescriptors found = look();
  std::filesystem::remove(file);
  const auto events = events_of(found, EVENT_keyfile);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].at, boot_time(9));
  EXPECT_EQ(events[0].process.tgid, static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(events[0].cgroup, CgroupId{5});
  const auto& read = std::get<CredentialRead>(events[0].body);
  EXPECT_EQ(read.path, file.string());
  EXPECT_EQ(read.sort, KEY_TLS);
}

TEST(Descriptors, TellsAFileOfATmpfsByItsVolume) {
  char name[] = "/dev/shm/idtrail-test-XXXXXX";
  const Fd file(mkstemp(name));
  ASSERT_TRUE(file);
  const OpenDescriptors found = look();
  unlink(name);
  const auto events = events_of(found, EVENT_credential);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<CredentialRead>(events[0].body).name, std::string_view(name).substr(9));
  EXPECT_EQ(std::get<CredentialRead>(events[0].body).dir, "shm");
}

TEST(Descriptors, TellsBothEndsOfAConnection) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  auto* address = reinterpret_cast<sockaddr*>(&at);
  const Fd listener(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(bind(listener.get(), address, size), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  ASSERT_EQ(getsockname(listener.get(), address, &size), 0);
  const Fd client(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(connect(client.get(), address, size), 0);
  const Fd server(accept(listener.get(), nullptr, nullptr));
  const OpenDescriptors found = look();
  const auto made = events_of(found, EVENT_connect);
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(std::get<Connect>(made[0].body).destination_port, ntohs(at.sin_port));
  EXPECT_EQ(std::get<Connect>(made[0].body).destination[0], 127);
  const auto taken = events_of(found, EVENT_accept);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(std::get<Accept>(taken[0].body).local_port, ntohs(at.sin_port));
}

}  // namespace
}  // namespace idtrail
