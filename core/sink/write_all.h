// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace idtrail {

/// Writes the bytes over short writes and interrupts. Returns 0, or the errno; `written` says how
/// far it came.
int write_all(int fd, std::string_view bytes, std::size_t& written);

}  // namespace idtrail
