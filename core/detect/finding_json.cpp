// SPDX-License-Identifier: Apache-2.0
// protobuf's own writer makes the same line for twenty times the instructions: it goes by way of
// the binary form and of a tree of every field. A finding on a flood of them is what makes it
// count.
#include <cassert>
#include <iterator>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "core/common/text.h"
#include "core/detect/finding.h"

namespace idtrail {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void append(std::string& out, const Message& message);

/// One value: that at `index` of a repeated field, the only one of another.
void append_value(std::string& out, const Message& message, const FieldDescriptor* field,
                  int index) {
  const auto& reflection = *message.GetReflection();
  const bool many = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string room;
      return append_json_string(
          out, many ? reflection.GetRepeatedStringReference(message, field, index, &room)
                    : reflection.GetStringReference(message, field, &room));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return append(out, many ? reflection.GetRepeatedMessage(message, field, index)
                              : reflection.GetMessage(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      out += reflection.GetBool(message, field) ? "true" : "false";
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      fmt::format_to(std::back_inserter(out), "{}", reflection.GetUInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_UINT64:  // a string, since readers keep 53 bits of a number
      fmt::format_to(std::back_inserter(out), "\"{}\"", reflection.GetUInt64(message, field));
      return;
    default:
      assert(false && "a finding has no field of this type");
  }
}

void append_field(std::string& out, const Message& message, const FieldDescriptor* field) {
  out += '"';
  out += field->name();
  out += "\":";
  if (!field->is_repeated()) return append_value(out, message, field, 0);
  out += '[';
  const int size = message.GetReflection()->FieldSize(message, field);
  for (int at = 0; at < size; ++at) {
    if (at > 0) out += ',';
    append_value(out, message, field, at);
  }
  out += ']';
}

/// Every field, though empty, but messages that are not there.
void append(std::string& out, const Message& message) {
  const auto& descriptor = *message.GetDescriptor();
  out += '{';
  bool first = true;
  for (int at = 0; at < descriptor.field_count(); ++at) {
    const FieldDescriptor* field = descriptor.field(at);
    const bool message_field = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (message_field && !field->is_repeated() &&
        !message.GetReflection()->HasField(message, field)) {
      continue;
    }
    if (!first) out += ',';
    first = false;
    append_field(out, message, field);
  }
  out += '}';
}

}  // namespace

std::string to_json_line(const v1::Finding& finding) {
  std::string line;
  line.reserve(finding.ByteSizeLong() * 2);
  append(line, finding);
  return line;
}

}  // namespace idtrail
