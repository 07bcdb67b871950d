// SPDX-License-Identifier: Apache-2.0
#include "cli/json.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <yaml-cpp/yaml.h>

#include "core/common/text.h"

namespace idtrail {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::ordered_json;

constexpr int kOne = -1;  // not of a repeated field

ordered_json number_of(const Message& message, const FieldDescriptor* field, int at) {
  const auto* read = message.GetReflection();
  const bool one = at == kOne;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? read->GetBool(message, field) : read->GetRepeatedBool(message, field, at);
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? read->GetInt32(message, field) : read->GetRepeatedInt32(message, field, at);
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? read->GetUInt32(message, field) : read->GetRepeatedUInt32(message, field, at);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? read->GetInt64(message, field) : read->GetRepeatedInt64(message, field, at);
    case FieldDescriptor::CPPTYPE_UINT64:
      return one ? read->GetUInt64(message, field) : read->GetRepeatedUInt64(message, field, at);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return one ? read->GetDouble(message, field) : read->GetRepeatedDouble(message, field, at);
    default:
      return nullptr;  // no contract of ours has enums or floats
  }
}

ordered_json value_of(const Message& message, const FieldDescriptor* field, int at) {
  const auto* read = message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return valid_utf8(at == kOne ? read->GetString(message, field)
                                 : read->GetRepeatedString(message, field, at));
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return to_json(at == kOne ? read->GetMessage(message, field)
                              : read->GetRepeatedMessage(message, field, at));
  }
  return number_of(message, field, at);
}

/// Maps come in no order of their own: by key, so that the same reply is the same text.
ordered_json map_of(const Message& message, const FieldDescriptor* field) {
  const auto* read = message.GetReflection();
  std::map<std::string, ordered_json> sorted;
  for (int at = 0; at < read->FieldSize(message, field); ++at) {
    const Message& entry = read->GetRepeatedMessage(message, field, at);
    const auto* type = entry.GetDescriptor();
    sorted[entry.GetReflection()->GetString(entry, type->field(0))] =
        value_of(entry, type->field(1), kOne);
  }
  ordered_json map = ordered_json::object();
  for (auto& [key, value] : sorted) map[key] = std::move(value);
  return map;
}

bool needs_quotes(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no",
                                                "on",   "off",   "y",    "n"};
  if (text.empty() || text.find_first_not_of(kPlain) != std::string::npos) return true;
  const char first = text.front();
  if (first != '/' && (first < 'A' || first > 'z')) return true;  // a number, a date, an indicator
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords);
}

void emit(YAML::Emitter& out, const ordered_json& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, item] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      emit(out, item);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& item : value) emit(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (needs_quotes(text)) out << YAML::DoubleQuoted;
    out << text;
  } else {
    out << value.dump();
  }
}

}  // namespace

ordered_json to_json(const Message& message) {
  ordered_json object = ordered_json::object();
  const auto* type = message.GetDescriptor();
  for (int at = 0; at < type->field_count(); ++at) {
    const auto* field = type->field(at);
    auto& value = object[field->name()];
    if (field->is_map()) {
      value = map_of(message, field);
    } else if (field->is_repeated()) {
      value = ordered_json::array();
      const int size = message.GetReflection()->FieldSize(message, field);
      for (int item = 0; item < size; ++item) value.push_back(value_of(message, field, item));
    } else {
      value = value_of(message, field, kOne);
    }
  }
  return object;
}

std::string json_text(const ordered_json& value, bool one_line) {
  return value.dump(one_line ? -1 : 2, ' ', false, ordered_json::error_handler_t::replace);
}

std::string yaml_text(const ordered_json& value) {
  YAML::Emitter out;
  emit(out, value);
  return std::string(out.c_str()) + "\n";
}

}  // namespace idtrail
