// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "core/sink/jsonl_reader.h"

/// Every line that is not blank is either a finding or counted as malformed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  std::uint64_t findings = 0;
  const idtrail::JsonlReport report =
      idtrail::read_findings(in, [&](const idtrail::v1::Finding& finding) {
        if (finding.id().empty() || finding.rule().empty()) std::abort();
        ++findings;
      });
  if (findings != report.findings) std::abort();
  if (report.first_bad.size() > report.malformed) std::abort();
  return 0;
}
