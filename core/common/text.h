// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace idtrail {

/// For people: the text as it is, but control characters, invisible and bidirectional marks,
/// backslashes and invalid UTF-8 are written as escapes (\n, \x1b, \u202e). Never moves a cursor,
/// never reorders what is read, and two different texts never look the same.
std::string printable(std::string_view text);

/// For protobuf: valid UTF-8; each byte that belongs to no character becomes U+FFFD.
std::string valid_utf8(std::string_view text);
[[nodiscard]] bool is_valid_utf8(std::string_view text);

/// One word of a POSIX shell, quoted unless every byte is harmless. The caller makes sure that the
/// word is no option (`--flag=WORD`, `kind/WORD`).
std::string shell_word(std::string_view text);

/// "ECONNREFUSED" for 111 or -111; the number where the C library knows no name.
std::string errno_name(int error);

}  // namespace idtrail
