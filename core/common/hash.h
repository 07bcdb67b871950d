// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace idtrail {

/// XXH3-64 of the bytes. Stable across builds and machines: it may be stored.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

/// Hash of a sequence of fields. Each field's length takes part, so that {"ab","c"} and
/// {"a","bc"} differ.
std::uint64_t hash_fields(std::initializer_list<std::string_view> fields);

/// Combines two hashes; order matters.
std::uint64_t hash_combine(std::uint64_t first, std::uint64_t second);

/// 16 lower-case hexadecimal digits.
std::string hex64(std::uint64_t value);

}  // namespace idtrail
