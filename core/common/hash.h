// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace idtrail {

/// XXH3-64 of the bytes. Stable across builds and machines: it may be stored.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

/// Hash of a sequence of fields. Each field's length takes part, so that {"ab","c"} and
/// {"a","bc"} differ.
std::uint64_t hash_fields(std::initializer_list<std::string_view> fields);

/// Combines two hashes; order matters. Here, so that it is inlined where events pass.
constexpr std::uint64_t hash_combine(std::uint64_t first, std::uint64_t second) {
  // The finaliser of MurmurHash3 over both; the odd constant keeps (a, b) and (b, a) apart.
  std::uint64_t mixed = (first * 0x9E3779B97F4A7C15ULL) ^ second;
  mixed ^= mixed >> 33U;
  mixed *= 0xFF51AFD7ED558CCDULL;
  mixed ^= mixed >> 33U;
  mixed *= 0xC4CEB9FE1A85EC53ULL;
  return mixed ^ (mixed >> 33U);
}

/// 16 lower-case hexadecimal digits.
std::string hex64(std::uint64_t value);

/// What hex64() wrote; nullopt for anything else.
std::optional<std::uint64_t> parse_hex64(std::string_view text);

}  // namespace idtrail
