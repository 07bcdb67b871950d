// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "idtrail/recording.pb.h"

namespace idtrail {

inline constexpr std::size_t kTokenBytesMax = 16U << 10U;

/// What a service account token (a JWT) says of itself; the signature is not checked and neither
/// it nor any other part of the token is kept. Nothing where the bytes are no JWT, larger than
/// kTokenBytesMax, or state no subject. Trailing white space is allowed, as files have it.
std::optional<v1::TokenClaims> read_token_claims(std::string_view token);

}  // namespace idtrail
