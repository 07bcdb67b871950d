// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace idtrail {

/// The server name in the beginning of a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), which may
/// be cut behind it; empty where there is none. Takes any bytes; a view into them.
///
/// Not by OpenSSL: it wants the whole hello, and a connection of its own for each.
std::string_view read_server_name(std::span<const std::byte> hello);

}  // namespace idtrail
