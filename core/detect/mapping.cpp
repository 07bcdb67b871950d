// SPDX-License-Identifier: Apache-2.0
#include "core/detect/mapping.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace idtrail {
namespace {

struct RuleMapping {
  std::string_view rule;
  std::string_view source_ref;
  std::string_view owasp_nhi_2025;
  std::string_view csf;
  std::string_view zt;
  std::string_view attack;
};

constexpr RuleMapping kMappings[] = {
#define DETECTOR(identifier, rule, summary, ...) {rule, __VA_ARGS__},
#include "core/detect/detectors.def"
#undef DETECTOR
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
