// SPDX-License-Identifier: Apache-2.0
#include "core/common/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace idtrail {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t hash_fields(std::initializer_list<std::string_view> fields) {
  std::uint64_t hash = fields.size();
  for (const std::string_view field : fields) {
    // The length enters through the seed: {"ab","c"} and {"a","bc"} part at the first field.
    hash = hash64(field, hash_combine(hash, field.size()));
  }
  return hash;
}

std::string hex64(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit) {
    *digit = kDigits[value & 0xFU];
    value >>= 4U;
  }
  return text;
}

std::optional<std::uint64_t> parse_hex64(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : text) {
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'a' || digit > 'f')) return std::nullopt;
    value = value << 4U | static_cast<std::uint64_t>(decimal ? digit - '0' : digit - 'a' + 10);
  }
  return value;
}

}  // namespace idtrail
