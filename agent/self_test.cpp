// SPDX-License-Identifier: Apache-2.0
#include "agent/self_test.h"

#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/privileges.h"
#include "agent/system_calls.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr const char* kHelperName = "idtrail-test";  // as ps shows it
constexpr const char* kFileName = "idtrail-self-test";
constexpr std::uint16_t kClosedPort = 9;  // discard: nobody serves it any more

void act() {
  if (const int file = memfd_create(kFileName, MFD_CLOEXEC); file >= 0) close(file);
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kClosedPort);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // A datagram socket only notes the address: no packet, and no matter whether it succeeds.
  (void)connect(socket_fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  close(socket_fd);
}

void serve(int socket_fd) {
  if (!drop_all_capabilities() || !confine_helper()) _exit(1);
  char question = 0;
  while (read(socket_fd, &question, 1) == 1) {
    act();
    if (write(socket_fd, &question, 1) != 1) return;
  }
}

}  // namespace

Result<SelfTestHelper> SelfTestHelper::start() {
  auto process = HelperProcess::start(kHelperName, SOCK_STREAM, serve);
  if (!process) return process.error();
  return SelfTestHelper(std::move(*process));
}

bool SelfTestHelper::ask() {
  return send(process_.socket(), "?", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

bool SelfTestHelper::has_acted() {
  char answer = 0;
  return recv(process_.socket(), &answer, 1, MSG_DONTWAIT) == 1;
}

SelfTest::SelfTest(std::uint32_t tgid, Acts acts, Expected expected, Feed feed)
    : tgid_(tgid), acts_(std::move(acts)), expected_(expected), feed_(std::move(feed)) {}

bool SelfTest::on_record(std::span<const std::byte> record) {
  event_header header;
  if (record.size() < sizeof(header)) return false;
  std::memcpy(&header, record.data(), sizeof(header));
  if (header.tgid != tgid_) return false;
  if (asked_at_ == 0 || header.boot_ns < asked_at_) return true;
  urgent_back_ = urgent_back_ || header.kind == EVENT_memfd;
  bulk_back_ = bulk_back_ || header.kind == EVENT_connect;
  return true;
}

void SelfTest::look(std::uint64_t now) {
  if (seen_well_until_ == 0) seen_well_until_ = now;
  if (asked_at_ != 0) {
    acted_ = acts_.has_acted() || acted_;
    const bool back =
        (urgent_back_ || !expected_.urgent) && (bulk_back_ || !expected_.bulk) && acted_;
    if (back || now - asked_at_ >= kBoundNs) conclude(now);
  }
  if (asked_at_ != 0 || (last_asked_ != 0 && now - last_asked_ < kEveryNs)) return;
  while (acts_.has_acted()) {
  }  // late answers to tests that have failed
  acted_ = urgent_back_ = bulk_back_ = false;
  last_asked_ = asked_at_ = now;
  if (!acts_.ask()) conclude(now);
}

void SelfTest::conclude(std::uint64_t now) {
  const bool urgent_lost = expected_.urgent && !urgent_back_;
  const bool bulk_lost = expected_.bulk && !bulk_back_;
  if (acted_ && !urgent_lost && !bulk_lost) {
    ++passed_;
    seen_well_until_ = asked_at_;
  } else {
    ++failed_;
    if (!acted_) {
      tell(now, "helper", "the process that acts on purpose is gone or does not answer");
    } else if (urgent_lost) {
      tell(now, "memfd", "an act that was done on purpose did not come back by the urgent ring");
    } else {
      tell(now, "connect", "an act that was done on purpose did not come back by the bulk ring");
    }
  }
  asked_at_ = 0;
}

void SelfTest::tell(std::uint64_t now, const char* object, const char* text) {
  v1::Fact fact;
  v1::GapFact& gap = *fact.mutable_gap();
  gap.set_cause("self-test-missing");
  gap.set_object(object);
  gap.set_text(text);
  gap.set_from_boot_ns(seen_well_until_);
  gap.set_until_boot_ns(now);
  feed_(fact);
}

}  // namespace idtrail
