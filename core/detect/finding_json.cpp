// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/json_util.h>

#include "core/common/text.h"
#include "core/detect/finding.h"

namespace idtrail {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void make_valid(Message& message);

void make_valid_field(Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  const bool text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const bool nested = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (!text && !nested) return;
  if (!field->is_repeated()) {
    if (nested) return make_valid(*reflection->MutableMessage(&message, field));
    const std::string was = reflection->GetString(message, field);
    if (!is_valid_utf8(was)) reflection->SetString(&message, field, valid_utf8(was));
    return;
  }
  for (int at = 0; at < reflection->FieldSize(message, field); ++at) {
    if (nested) {
      make_valid(*reflection->MutableRepeatedMessage(&message, field, at));
      continue;
    }
    const std::string was = reflection->GetRepeatedString(message, field, at);
    if (!is_valid_utf8(was)) reflection->SetRepeatedString(&message, field, at, valid_utf8(was));
  }
}

/// Replaces invalid UTF-8 in every string, however deep.
void make_valid(Message& message) {
  std::vector<const FieldDescriptor*> present;
  message.GetReflection()->ListFields(message, &present);
  for (const FieldDescriptor* field : present) make_valid_field(message, field);
}

}  // namespace

std::string to_json_line(const v1::Finding& finding) {
  v1::Finding valid = finding;
  make_valid(valid);
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string line;
  // Every field of a Finding has a JSON form and the text is valid: this cannot fail.
  (void)google::protobuf::util::MessageToJsonString(valid, &line, options);
  return line;
}

}  // namespace idtrail
