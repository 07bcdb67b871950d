// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/detect/scene.h"

namespace idtrail::test {
namespace {

v1::Finding sample() {
  Scene scene{"credential_then_connect"};
  const Pod cart = make_pod("cart");
  const Actor server = app(cart);
  Actor shell = subtree(server, "/bin/busybox", "sh");
  shell.process.tgid = shell.tree.tgid = 4711;
  scene.read(server, token_of(cart));
  scene.connect(server, {"10.96.0.1"});
  scene.make_ready(server);
  scene.read(shell, token_of(cart));
  scene.pass(std::chrono::milliseconds(5));
  return scene.connect(shell, {"203.0.113.9"}).at(0);
}

/// Every field of it set, messages and lists included.
void fill(google::protobuf::Message& message) {
  using google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  for (int at = 0; at < message.GetDescriptor()->field_count(); ++at) {
    const FieldDescriptor* field = message.GetDescriptor()->field(at);
    const bool many = field->is_repeated();
    for (int i = 0; i < (many ? 2 : 1); ++i) {
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          fill(many ? *reflection.AddMessage(&message, field)
                    : *reflection.MutableMessage(&message, field));
          break;
        case FieldDescriptor::CPPTYPE_STRING: {
          const std::string text =
              "a\"\\<b>\n\t\x01/\x7F \u00e9\u202e\U0001F600\U000E0041" + field->name();
          many ? reflection.AddString(&message, field, text)
               : reflection.SetString(&message, field, text);
          break;
        }
        case FieldDescriptor::CPPTYPE_BOOL:
          reflection.SetBool(&message, field, true);
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          reflection.SetUInt32(&message, field, UINT32_MAX);
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          reflection.SetUInt64(&message, field, UINT64_MAX);
          break;
        default:
          ADD_FAILURE() << field->full_name() << " has a type that to_json_line() does not know";
      }
    }
  }
}

TEST(FindingJson, IsWhatProtobufMakesOfIt) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  v1::Finding full;
  fill(full);
  for (const v1::Finding& finding : {v1::Finding(), sample(), full}) {
    std::string line;
    ASSERT_TRUE(google::protobuf::util::MessageToJsonString(finding, &line, options).ok());
    EXPECT_EQ(nlohmann::json::parse(to_json_line(finding)), nlohmann::json::parse(line));
  }
}

/// The line's keys are a contract with whoever reads findings: UPDATE_GOLDEN=1 rewrites the file
/// where a change is meant.
TEST(FindingJson, IsTheGoldenLine) {
  const std::string file = IDTRAIL_TEST_DATA "/golden/finding.jsonl";
  const std::string line = to_json_line(sample()) + "\n";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(file, std::ios::binary) << line;
  std::stringstream golden;
  golden << std::ifstream(file, std::ios::binary).rdbuf();
  EXPECT_EQ(line, golden.str());
}

TEST(FindingJson, HasEveryFieldThoughEmpty) {
  const std::string line = to_json_line(v1::Finding());
  EXPECT_EQ(line,
            R"({"id":"","rule":"","title":"","severity":"","confidence":"","time":"","why":"",)"
            R"("evidence":[],"respond":[]})");
}

TEST(FindingJson, StaysOnOneLineAndReplacesInvalidUtf8) {
  v1::Finding finding;
  finding.set_id("a\nb");
  finding.mutable_object()->mutable_executable()->add_arguments("\xff!");
  const std::string line = to_json_line(finding);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("a\\nb"), std::string::npos);
  EXPECT_NE(line.find("\\uFFFD!"), std::string::npos) << line;
}

TEST(FindingJson, ShowsNothingThatATerminalWouldTurnRound) {
  v1::Finding finding;
  finding.set_id("a\u202eb\x1b[2J");
  for (const char byte : to_json_line(finding)) {
    EXPECT_GE(byte, ' ');
    EXPECT_LT(static_cast<unsigned char>(byte), 0x80U);
  }
}

}  // namespace
}  // namespace idtrail::test
