// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/identity/token_claims.h"

// Any bytes are claims that a Fact can carry, or nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto claims =
      idtrail::read_token_claims(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!claims) return 0;
  std::string text;
  if (!claims->SerializeToString(&text) || claims->subject().empty()) std::abort();
  return 0;
}
