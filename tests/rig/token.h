// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/common/result.h"

namespace idtrail::rig {

/// Whose token it is. Uids that a test does not care about are made up, but stay the same.
struct Bearer {
  std::string namespace_name;
  std::string service_account;
  std::string pod;
  std::string pod_uid;
  std::string node;
};

struct Token {
  std::string text;  // the JWT
  std::string jti;
};

/// A pod-bound service-account token as the API server issues it: RS256, a year of life, renewed
/// after an hour. The key is the node's own, made on first use and kept in key_file: nobody can
/// accept the token.
Result<Token> issue_token(const std::filesystem::path& key_file, const Bearer& bearer,
                          std::int64_t now_s);

}  // namespace idtrail::rig
