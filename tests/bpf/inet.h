// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace idtrail::test {

/// A socket address of either family.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  Address(const std::string& text, std::uint16_t port) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      size = sizeof(*v4);
    } else {
      EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr), 1) << text;
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      size = sizeof(*v6);
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] std::uint16_t family() const { return storage.ss_family; }
};

/// False on a kernel that was built without: its sockets are then refused.
inline bool has_multipath_tcp() { return access("/proc/sys/net/mptcp", F_OK) == 0; }

/// Text of a payload's address.
inline std::string text_of(const std::uint8_t (&bytes)[16], std::uint16_t family) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family, bytes, text, sizeof(text));
  return text;
}

/// Listens on the loopback, TCP or UDP, and knows its port.
class Listener {
 public:
  Listener(const std::string& where, int type) : Listener(Address(where, 0), type) {}
  Listener(const Address& where, int type)
      : socket_(::socket(where.family(), type | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(bind(socket_, where.get(), where.size), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(listen(socket_, 8), 0);
    }
    sockaddr_in6 bound{};
    socklen_t size = sizeof(bound);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&bound), &size), 0);
    port_ = ntohs(bound.sin6_port);  // at the same place in both families
  }
  ~Listener() { close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int socket() const { return socket_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

}  // namespace idtrail::test
