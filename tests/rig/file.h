// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "core/common/result.h"

namespace idtrail::rig {

Error failed(std::string_view what, const std::filesystem::path& path);  // with errno's text

Result<std::string> read_file(const std::filesystem::path& path);

/// Creates or replaces the file with exactly this mode and group (-1: unchanged).
Result<void> write_file(const std::filesystem::path& path, std::string_view text, mode_t mode,
                        gid_t group);

/// 16 lower-case hex digits, or a version 4 UUID, from the system's random source.
std::string random_hex();
std::string random_uuid();

}  // namespace idtrail::rig
