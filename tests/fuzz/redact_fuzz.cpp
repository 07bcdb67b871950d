// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/common/redact.h"

/// Whatever the bytes: nothing moves, no NUL comes or goes, a second pass changes nothing, and an
/// argument after --password is gone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static idtrail::Redactor redactor;
  const std::string before(reinterpret_cast<const char*>(data), size);
  std::string once = before;
  redactor.redact(once);
  for (std::size_t at = 0; at < size; ++at) {
    const bool masked = once[at] == '*' && before[at] != '\0';
    if (once[at] != before[at] && !masked) std::abort();
  }
  // One byte more, so that the answer does not come from what it remembers.
  std::string twice = once + '\0';
  if (redactor.redact(twice) != 0) std::abort();

  const std::string lead("tool\0--password\0", 16);
  std::string planted = lead + "S3CR3T" + std::string(1, '\0') + before;
  redactor.redact(planted);
  if (planted.compare(lead.size(), 6, "******") != 0) std::abort();
  return 0;
}
