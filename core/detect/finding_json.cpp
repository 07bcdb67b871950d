// SPDX-License-Identifier: Apache-2.0
// RapidJSON's writer over the fields as they are: protobuf's own makes the same line for ten times
// the instructions, by way of the binary form and of a tree of every field. A finding on a flood of
// them is what makes it count.
#include <cassert>
#include <string>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "core/common/text.h"
#include "core/detect/finding.h"

namespace idtrail {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
/// Into ASCII: what a terminal would not show, or show as something else, is escaped with the rest.
using Writer = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::ASCII<>>;

void write(Writer& out, const Message& message);

void write(Writer& out, const std::string& text) {
  const std::string valid = valid_utf8(text);
  out.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

/// One value: that at `index` of a repeated field, the only one of another.
void write_value(Writer& out, const Message& message, const FieldDescriptor* field, int index) {
  const auto& reflection = *message.GetReflection();
  const bool many = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string room;
      write(out, many ? reflection.GetRepeatedStringReference(message, field, index, &room)
                      : reflection.GetStringReference(message, field, &room));
      return;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      write(out, many ? reflection.GetRepeatedMessage(message, field, index)
                      : reflection.GetMessage(message, field));
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      out.Bool(reflection.GetBool(message, field));
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      out.Uint(reflection.GetUInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_UINT64:  // a string, since readers keep 53 bits of a number
      write(out, fmt::to_string(reflection.GetUInt64(message, field)));
      return;
    default:
      assert(false && "a finding has no field of this type");
  }
}

void write_field(Writer& out, const Message& message, const FieldDescriptor* field) {
  out.Key(field->name().c_str());
  if (!field->is_repeated()) return write_value(out, message, field, 0);
  out.StartArray();
  const int size = message.GetReflection()->FieldSize(message, field);
  for (int at = 0; at < size; ++at) write_value(out, message, field, at);
  out.EndArray();
}

/// Every field, though empty, but messages that are not there.
void write(Writer& out, const Message& message) {
  const auto& descriptor = *message.GetDescriptor();
  out.StartObject();
  for (int at = 0; at < descriptor.field_count(); ++at) {
    const FieldDescriptor* field = descriptor.field(at);
    const bool one_message =
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated();
    if (one_message && !message.GetReflection()->HasField(message, field)) continue;
    write_field(out, message, field);
  }
  out.EndObject();
}

}  // namespace

std::string to_json_line(const v1::Finding& finding) {
  rapidjson::StringBuffer line;
  Writer out(line);
  write(out, finding);
  return {line.GetString(), line.GetSize()};
}

}  // namespace idtrail
