// SPDX-License-Identifier: Apache-2.0
#include "core/common/text.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

namespace idtrail {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 0;  // bytes; 0 where they are no character
};

constexpr bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// The first character of a text that is not empty. Refuses overlong forms and surrogates.
Character next_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80U) return {lead, 1};
  const std::size_t size = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : 2;
  if (lead < 0xC2U || lead > 0xF4U || text.size() < size) return {};
  char32_t code = lead & (0x7FU >> size);
  for (std::size_t at = 1; at < size; ++at) {
    if (!continues(text[at])) return {};
    code = code << 6U | (static_cast<unsigned char>(text[at]) & 0x3FU);
  }
  const bool overlong = (size == 3 && code < 0x800U) || (size == 4 && code < 0x10000U);
  const bool surrogate = code >= 0xD800U && code <= 0xDFFFU;
  if (overlong || surrogate || code > 0x10FFFFU) return {};
  return {code, size};
}

struct Range {
  char32_t first;
  char32_t last;
};

// Characters that a terminal or a page acts on, or that nobody sees: C1 controls, soft hyphen,
// Arabic letter mark, zero-width and directional marks and their isolates, line and paragraph
// separators, invisible operators, byte order mark, interlinear marks, tags.
constexpr Range kInvisible[] = {
    {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},   {0x115F, 0x1160},   {0x180B, 0x180F},
    {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFE00, 0xFE0F},
    {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xE0000, 0xE0FFF},
};

bool is_visible(char32_t code) {
  if (code < 0x7FU) return code >= 0x20U;
  for (const Range& range : kInvisible) {
    if (code >= range.first && code <= range.last) return false;
  }
  return true;
}

/// Takes what begins the text and consists of such bytes alone: nearly all of nearly every text.
template <typename Is>
std::string_view take_run(std::string_view& text, Is is) {
  const auto end = std::find_if_not(text.begin(), text.end(), is);
  const auto run = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(run.size());
  return run;
}

bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80U; }
bool is_plain(char byte) { return byte >= ' ' && byte < '\x7F' && byte != '\\'; }

void append_escape(std::string& out, char32_t code) {
  switch (code) {
    case U'\n':
      out += "\\n";
      return;
    case U'\t':
      out += "\\t";
      return;
    case U'\r':
      out += "\\r";
      return;
    default:
      break;
  }
  const auto number = static_cast<std::uint32_t>(code);
  out += number < 0x80U      ? fmt::format("\\x{:02x}", number)
         : number < 0x10000U ? fmt::format("\\u{:04x}", number)
                             : fmt::format("\\U{:08x}", number);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    out += take_run(text, is_plain);
    if (text.empty()) break;
    const Character next = next_character(text);
    if (next.size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (next.code == U'\\') {
      out += "\\\\";
    } else if (is_visible(next.code)) {
      out += text.substr(0, next.size);
    } else {
      append_escape(out, next.code);
    }
    text.remove_prefix(next.size);
  }
  return out;
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    take_run(text, is_ascii);
    if (text.empty()) break;
    const Character next = next_character(text);
    if (next.size == 0) return false;
    text.remove_prefix(next.size);
  }
  return true;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    out += take_run(text, is_ascii);
    if (text.empty()) break;
    const Character next = next_character(text);
    if (next.size == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, next.size);
    text.remove_prefix(next.size);
  }
  return out;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=";
  if (!text.empty() && text.find_first_not_of(kHarmless) == std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "'";
  for (const char byte : text) {
    if (byte == '\'') {
      out += "'\\''";
    } else {
      out += byte;
    }
  }
  return out + "'";
}

std::string errno_name(int error) {
  const int number = std::abs(error);
  const char* name = strerrorname_np(number);
  return name != nullptr ? std::string(name) : fmt::format("errno {}", number);
}

}  // namespace idtrail
