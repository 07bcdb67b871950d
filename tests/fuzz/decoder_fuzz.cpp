// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "agent/decode/decoder.h"
#include "agent/decode/redact_record.h"

// Any bytes decode or are refused; redaction keeps the verdict.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static idtrail::Redactor redactor;
  const auto bytes = std::as_bytes(std::span(data, size));
  idtrail::Event event;
  const idtrail::Refusal before = idtrail::decode_record(bytes, event);
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  (void)idtrail::redact_record(copy, redactor);
  if (idtrail::decode_record(copy, event) != before) std::abort();
  return 0;
}
