// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "core/common/text.h"

namespace idtrail {
namespace {

constexpr std::size_t kGap = 3;  // between columns

/// Characters, not bytes; escapes have made the text free of anything wider or narrower than one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void put(std::string& out, std::string_view text, std::string_view shown, std::size_t column,
         bool last) {
  out += shown;
  if (!last) out.append(column - width(text) + kGap, ' ');
}

}  // namespace

Tone tone_of(std::string_view word) {
  if (word == "critical" || word == "high" || word == "failed") return Tone::kBad;
  if (word == "medium" || word == "degraded" || word == "learning") return Tone::kWarn;
  if (word == "ok" || word == "ready") return Tone::kGood;
  if (word == "info" || word == "low" || word == "cold") return Tone::kDim;
  return Tone::kPlain;
}

std::string toned(std::string_view text, Tone tone, bool colour) {
  constexpr std::array<const char*, 5> kCodes{"", "\033[32m", "\033[33m", "\033[1;31m", "\033[2m"};
  const char* code = kCodes[static_cast<std::size_t>(tone)];
  if (!colour || tone == Tone::kPlain) return std::string(text);
  return code + std::string(text) + "\033[0m";
}

Table::Cell::Cell(std::string_view text_in, Tone tone_in)
    : text(printable(text_in)), tone(tone_in) {}

std::string Table::render(bool colour) const {
  std::vector<std::size_t> columns;
  for (const auto& header : headers_) columns.push_back(width(header));
  for (const auto& row : rows_) {
    assert(row.size() == columns.size());
    for (std::size_t at = 0; at < row.size(); ++at) {
      columns[at] = std::max(columns[at], width(row[at].text));
    }
  }
  std::string out;
  for (std::size_t at = 0; at < headers_.size(); ++at) {
    put(out, headers_[at], headers_[at], columns[at], at + 1 == headers_.size());
  }
  out += '\n';
  for (const auto& row : rows_) {
    for (std::size_t at = 0; at < row.size(); ++at) {
      put(out, row[at].text, toned(row[at].text, row[at].tone, colour), columns[at],
          at + 1 == row.size());
    }
    out += '\n';
  }
  return out;
}

std::string_view or_dash(std::string_view text) { return text.empty() ? "-" : text; }

std::string shorten(std::string_view text, std::size_t max) {
  if (width(text) <= max) return std::string(text);
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U && ++seen == max) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace idtrail
