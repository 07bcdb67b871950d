// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "tests/bpf/inet.h"

namespace idtrail::test {

/// Layout of the kernel's struct in6_ifreq, whose header clashes with those of the C library.
struct Inet6Request {
  in6_addr address;
  std::uint32_t prefix_bits;
  int interface;
};

/// Waits until the address can be used: one of version six cannot before the loopback's state has
/// made its way through the kernel.
inline bool await(const Address& address) {
  const int socket = ::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool bound = false;
  for (int i = 0; i < 200 && !bound; ++i) {
    if (i != 0) usleep(10'000);
    bound = bind(socket, address.get(), address.size) == 0;
  }
  close(socket);
  return bound;
}

/// Moves this thread to a network of its own, whose loopback has `addresses` besides its usual
/// ones: nothing is in the way there, and nothing of the machine changes. False where that is
/// refused.
inline bool enter_own_network(const std::vector<std::string>& addresses = {}) {
  if (unshare(CLONE_NEWNET) != 0) return false;
  const int v4 = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int v6 = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  bool good = ioctl(v4, SIOCSIFFLAGS, &request) == 0;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const Address address(addresses[i], 0);
    if (address.family() == AF_INET) {
      std::strcpy(request.ifr_name, ("lo:" + std::to_string(i)).c_str());
      std::memcpy(&request.ifr_addr, address.get(), sizeof(request.ifr_addr));
      good = good && ioctl(v4, SIOCSIFADDR, &request) == 0;
    } else {
      Inet6Request wanted{
          .address = reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr,
          .prefix_bits = 128,
          .interface = static_cast<int>(if_nametoindex("lo"))};
      good = good && ioctl(v6, SIOCSIFADDR, &wanted) == 0;
    }
    good = good && await(address);
  }
  close(v4);
  close(v6);
  return good;
}

}  // namespace idtrail::test
