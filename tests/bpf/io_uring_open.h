// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace idtrail::test {

/// Opens a file for reading through io_uring. Returns a descriptor or a negative errno; -ENOSYS
/// where io_uring is missing or forbidden.
int io_uring_open(const std::string& path);

}  // namespace idtrail::test
