// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <google/protobuf/message.h>
#include <nlohmann/json.hpp>

namespace idtrail {

/// Every field, by its snake_case name, in the order of its number; 64-bit numbers are numbers, so
/// that `jq` can add them.
nlohmann::ordered_json to_json(const google::protobuf::Message& message);

/// One line, or indented by two; invalid UTF-8 becomes U+FFFD.
std::string json_text(const nlohmann::ordered_json& value, bool one_line);

/// Text that could be read as something else is quoted.
std::string yaml_text(const nlohmann::ordered_json& value);

}  // namespace idtrail
