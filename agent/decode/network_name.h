// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace idtrail {

/// Puts the name in the place of the bytes that it was read from (events.h: struct name_payload),
/// before redaction, recorder and pipeline, which never see those bytes. Leaves every other record
/// as it is, and also one that contradicts itself: the decoder refuses it. Returns the record's
/// size from now on, at most what it was. Takes any bytes; allocates nothing.
std::size_t take_network_name(std::span<std::byte> record);

}  // namespace idtrail
