// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "core/model/event.h"
#include "core/model/observation.h"

namespace idtrail {

/// Whether a name, not a volume, says that the file is a credential.
constexpr bool is_key_file(const CredentialRead& read) { return read.sort != 0; }

/// The credential that a key file is: known by its path, since device and inode differ from one
/// replica to the next. Another process's environment is known by that process's executable,
/// `target`, since its path holds a number.
Credential key_file_credential(const CredentialRead& read, std::string_view target);

}  // namespace idtrail
