// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/json.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {
namespace {

v1::TopReply reply() {
  v1::TopReply reply;
  auto* row = reply.add_rows();
  row->mutable_identity()->set_namespace_("shop");
  (*row->mutable_events())["exec"] = 7;
  (*row->mutable_events())["connect"] = 5'000'000'000;
  reply.set_node("a\x1b\xff");
  return reply;
}

TEST(Json, HasEveryFieldBySnakeCaseNameAndNumbersAsNumbers) {
  const auto value = to_json(reply());
  EXPECT_EQ(value["rows"][0]["identity"]["namespace"], "shop");
  EXPECT_EQ(value["rows"][0]["events"]["connect"], 5'000'000'000);
  EXPECT_EQ(value["rows"][0]["known_behaviours"], nlohmann::ordered_json::object());
  EXPECT_EQ(value["time"], "");
}

TEST(Json, OrdersMapsAndEscapesControlCharacters) {
  const auto text = json_text(to_json(reply()), true);
  EXPECT_LT(text.find("\"connect\""), text.find("\"exec\""));
  EXPECT_NE(text.find("\"a\\u001b\xEF\xBF\xBD\""), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Yaml, QuotesWhatCouldBeReadAsSomethingElse) {
  const nlohmann::ordered_json value = {
      {"text", {"yes", "12", "2026-11-22", "", "a: b", "shop/cart"}}, {"number", 12}};
  EXPECT_EQ(yaml_text(value),
            "text:\n  - \"yes\"\n  - \"12\"\n  - \"2026-11-22\"\n  - \"\"\n"
            "  - \"a: b\"\n  - shop/cart\nnumber: 12\n");
}

}  // namespace
}  // namespace idtrail
