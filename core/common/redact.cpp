// SPDX-License-Identifier: Apache-2.0
#include "core/common/redact.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <string_view>

#include <re2/re2.h>

#include "core/common/hash.h"
#include "core/common/redact_rules.h"

namespace idtrail {
namespace {

constexpr int kGroupsMax = 6;  // the whole match and the values

RE2::Options rule_options() {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  return options;
}

std::string rule_text(std::string rule) {
  constexpr std::pair<std::string_view, const char*> kPieces[] = {
      {"<word>", kSecretWord}, {"<suffix>", kSecretSuffix}, {"<value>", kSecretValue}};
  for (const auto& [name, piece] : kPieces) {
    for (auto at = rule.find(name); at != std::string::npos; at = rule.find(name)) {
      rule.replace(at, name.size(), piece);
    }
  }
  return rule;
}

std::size_t mask(std::span<char> bytes) {
  std::size_t masked = 0;
  for (char& byte : bytes) {
    if (byte == '\0' || byte == '*') continue;
    byte = '*';
    ++masked;
  }
  return masked;
}

/// Masks every value that the rule finds. RE2 reads bytes that change behind it, but only those
/// that the match has already passed.
std::size_t apply(const RE2& rule, std::span<char> bytes) {
  const re2::StringPiece text(bytes.data(), bytes.size());
  re2::StringPiece groups[kGroupsMax];
  const int count = rule.NumberOfCapturingGroups() + 1;
  std::size_t masked = 0;
  std::size_t from = 0;
  while (from < text.size() &&
         rule.Match(text, from, text.size(), RE2::UNANCHORED, groups, count)) {
    const auto offset = [&](const re2::StringPiece& piece) {
      return static_cast<std::size_t>(piece.data() - text.data());
    };
    std::size_t next = offset(groups[0]) + 1;
    for (int group = 1; group < count; ++group) {
      if (groups[group].data() == nullptr) continue;
      masked += mask(bytes.subspan(offset(groups[group]), groups[group].size()));
      // Not the end of the match: a NUL behind the value starts the next argument's match.
      next = std::max(next, offset(groups[group]) + groups[group].size());
    }
    from = next;
  }
  return masked;
}

}  // namespace

class Redactor::Rules {
 public:
  Rules() : trigger_(kSecretTrigger, rule_options()) {
    assert(trigger_.ok());
    for (const char* rule : kSecretRules) {
      rules_.push_back(std::make_unique<const RE2>(rule_text(rule), rule_options()));
      assert(rules_.back()->ok());
      assert(rules_.back()->NumberOfCapturingGroups() < kGroupsMax);
    }
  }

  [[nodiscard]] bool may_match(std::string_view text) const {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), trigger_);
  }

  /// Masks until nothing changes. One secret's mask can uncover another rule's match: two passes
  /// do in practice, and whoever builds a text that needs more than eight loses all of it.
  [[nodiscard]] std::size_t run(std::span<char> bytes) const {
    constexpr int kPasses = 8;
    std::size_t masked = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
      std::size_t now = 0;
      for (const auto& rule : rules_) now += apply(*rule, bytes);
      if (now == 0) return masked;
      masked += now;
    }
    return masked + mask(bytes);
  }

 private:
  RE2 trigger_;
  std::vector<std::unique_ptr<const RE2>> rules_;
};

Redactor::Redactor() : rules_(std::make_unique<const Rules>()), clean_(kRemembered, 0) {}
Redactor::~Redactor() = default;
Redactor::Redactor(Redactor&&) noexcept = default;
Redactor& Redactor::operator=(Redactor&&) noexcept = default;

std::size_t Redactor::redact(std::span<char> bytes) {
  if (bytes.empty()) return 0;
  const std::string_view text(bytes.data(), bytes.size());
  const std::uint64_t before = hash64(text);
  if (clean_[before % kRemembered] == before) return 0;

  const std::size_t masked = rules_->may_match(text) ? rules_->run(bytes) : 0;
  const std::uint64_t after = masked == 0 ? before : hash64(text);
  clean_[after % kRemembered] = after;
  return masked;
}

}  // namespace idtrail
