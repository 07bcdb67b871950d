// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/bpf/act.h"
#include "tests/bpf/inet.h"

namespace idtrail::test {

/// All of a record that carries bytes off the network but these bytes and the local port.
struct ExpectedName {
  event_kind kind;
  std::string address;  // of both ends
  std::uint16_t port;   // of the server
  std::string raw;
  std::uint32_t flags = NAME_RAW;
};

inline void expect_name(const Record& record, const Acted& by, const ExpectedName& expected) {
  expect_header(record, expected.kind, by);
  const auto payload = record.payload<name_payload>();
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.flags, expected.flags);
  EXPECT_EQ(payload.family, Address(expected.address, 0).family());
  EXPECT_EQ(payload.protocol, expected.kind == EVENT_dns ? IPPROTO_UDP : IPPROTO_TCP);
  EXPECT_EQ(text_of(payload.peer, payload.family), expected.address);
  EXPECT_EQ(text_of(payload.local, payload.family), expected.address);
  EXPECT_EQ(payload.peer_port, expected.port);
  EXPECT_NE(payload.local_port, 0U);
  EXPECT_EQ(payload.address_count, 0U);
  EXPECT_EQ(payload.question_type, 0U);
  EXPECT_EQ(payload.answer_code, 0U);
  ASSERT_EQ(payload.name_size, expected.raw.size());
  EXPECT_EQ(record.body.size(), sizeof(payload) + expected.raw.size());
  EXPECT_EQ(record.tail(sizeof(payload), 0, expected.raw.size()), expected.raw);
}

/// A connection to a listener of this process.
class Connection {
 public:
  explicit Connection(const Address& to) : socket_(::socket(to.family(), SOCK_STREAM, 0)) {
    connected_ = connect(socket_, to.get(), to.size) == 0;
  }
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  [[nodiscard]] bool send(const std::string& text) const {
    return connected_ && ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
                             static_cast<ssize_t>(text.size());
  }
  [[nodiscard]] int socket() const { return socket_; }

 private:
  int socket_;
  bool connected_ = false;
};

}  // namespace idtrail::test
