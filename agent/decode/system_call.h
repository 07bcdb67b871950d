// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/decode/decoder.h"
#include "agent/decode/fields.h"

namespace idtrail {

/// The payload of EVENT_syscalls, part of decode_record(). The call is named as libseccomp names it
/// in its table, for this machine's kind of kernel; not at all where it knows none. The name lives
/// as long as the program.
Refusal decode_syscall(Bytes rest, Event& event);

}  // namespace idtrail
