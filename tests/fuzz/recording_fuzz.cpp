// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <span>

#include "agent/recording/reader.h"

// Any bytes give frames that lie in them, then an end or an error that stays.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  auto reader = idtrail::FrameReader::open(bytes);
  if (!reader) return 0;
  for (;;) {
    const auto frame = reader->next();
    if (!frame) {
      if (reader->next()) std::abort();
      return 0;
    }
    if (!*frame) return 0;
    const auto payload = (*frame)->payload;
    if (payload.data() < bytes.data() || payload.data() + payload.size() > bytes.data() + size) {
      std::abort();
    }
  }
}
