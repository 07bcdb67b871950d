// SPDX-License-Identifier: Apache-2.0
#include "core/detect/mapping.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace idtrail {
namespace {

struct RuleMapping {
  std::string_view rule;
  std::string_view source_ref;  // requirements and use cases, with the source texts' own numbers
  std::string_view owasp_nhi_2025;  // the published list
  std::string_view csf;             // NIST CSF 2.0
  std::string_view zt;              // NIST SP 800-207 tenets
  std::string_view attack;          // MITRE ATT&CK Enterprise v18.1
};

// NHI-06 with a hyphen is what a source text calls "misuse, privilege drift, anomalous actions". It
// is not the published NHI6 (insecure cloud deployment configurations): hence two columns.
constexpr RuleMapping kMappings[] = {
    {"exec-novel", "B4a B20 NHI-06", "NHI3", "DE.CM-09", "ZT5", "T1525 T1204.003 T1105 T1036"},
    {"exec-drift", "B4a B20 NHI-06", "NHI3", "DE.CM-09", "ZT5", "T1525 T1204.003 T1105 T1036"},
    {"credential-read-novel", "A16a B14 U2 B20 NHI-06", "NHI2", "DE.CM-09", "ZT4",
     "T1552.001 T1528 T1041 T1567"},
    {"credential-then-connect", "A16a B14 U2 B20 NHI-06", "NHI2", "DE.CM-09", "ZT4",
     "T1552.001 T1528 T1041 T1567"},
    {"destination-novel", "U2 A21 B20 NHI-06", "NHI3 NHI6", "DE.CM-01 DE.CM-06", "ZT2 ZT4",
     "T1071 T1567 T1552.005"},
};

void add_words(std::string_view words, google::protobuf::RepeatedPtrField<std::string>& out) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    out.Add(std::string(words.substr(0, end)));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

}  // namespace

v1::Mapping mapping_of(std::string_view rule) {
  v1::Mapping mapping;
  const auto* found = std::find_if(std::begin(kMappings), std::end(kMappings),
                                   [rule](const RuleMapping& one) { return one.rule == rule; });
  if (found == std::end(kMappings)) return mapping;
  add_words(found->source_ref, *mapping.mutable_source_ref());
  add_words(found->owasp_nhi_2025, *mapping.mutable_owasp_nhi_2025());
  add_words(found->csf, *mapping.mutable_csf());
  add_words(found->zt, *mapping.mutable_zt());
  add_words(found->attack, *mapping.mutable_attack());
  return mapping;
}

}  // namespace idtrail
