// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/sources/tcp_table.h"

// Any bytes are sockets or lines that are refused; never more than there is room for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMax = 3;
  const auto table =
      idtrail::parse_tcp_table(std::string_view(reinterpret_cast<const char*>(data), size), kMax);
  if (table.sockets.size() > kMax || table.refused > size) std::abort();
  return 0;
}
