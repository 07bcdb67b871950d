// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "agent/identity/token_claims.h"

namespace idtrail {
namespace {

std::string base64url(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out.push_back(kDigits[bits >> (held - 6) & 63U]);
  }
  if (held > 0) out.push_back(kDigits[bits << (6 - held) & 63U]);
  return out;
}

std::string token(std::string_view payload) {
  return base64url(R"({"alg":"RS256"})") + "." + base64url(payload) + ".c2lnbmF0dXJl";
}

constexpr std::string_view kBound = R"({"aud":["https://kubernetes.default.svc"],"exp":1790000000,
  "iss":"https://kubernetes.default.svc","jti":"5d6f1c7e-1111-4222-8333-444444444444",
  "kubernetes.io":{"namespace":"shop","node":{"name":"n1","uid":"x"},
  "pod":{"name":"web-1","uid":"0f1e2d3c-aaaa-4bbb-8ccc-1234567890ab"},
  "serviceaccount":{"name":"web-sa","uid":"u1"},"warnafter":1760003607},
  "sub":"system:serviceaccount:shop:web-sa"})";

TEST(TokenClaims, SaysWhatABoundTokenStates) {
  const auto claims = read_token_claims(token(kBound) + "\n");
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->subject(), "system:serviceaccount:shop:web-sa");
  EXPECT_EQ(claims->namespace_(), "shop");
  EXPECT_EQ(claims->service_account(), "web-sa");
  EXPECT_EQ(claims->service_account_uid(), "u1");
  EXPECT_EQ(claims->pod(), "web-1");
  EXPECT_EQ(claims->pod_uid(), "0f1e2d3c-aaaa-4bbb-8ccc-1234567890ab");
  EXPECT_EQ(claims->node(), "n1");
  EXPECT_EQ(claims->token_id(), "5d6f1c7e-1111-4222-8333-444444444444");
  EXPECT_EQ(claims->expires_at(), 1790000000);
  ASSERT_EQ(claims->audience_size(), 1);
}

TEST(TokenClaims, TakesTheAccountOfALegacyTokenFromItsSubject) {
  const auto claims = read_token_claims(token(R"({"sub":"system:serviceaccount:ops:robot"})"));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->namespace_(), "ops");
  EXPECT_EQ(claims->service_account(), "robot");
}

TEST(TokenClaims, KeepsNothingOfTheTokenItself) {
  const std::string text = token(kBound);
  const auto claims = read_token_claims(text);
  ASSERT_TRUE(claims);
  const std::string kept = claims->SerializeAsString();
  EXPECT_EQ(kept.find("c2lnbmF0dXJl"), std::string::npos);
  EXPECT_EQ(kept.find(text.substr(0, 12)), std::string::npos);
}

struct Row {
  const char* name;
  std::string bytes;
};
class NoToken : public ::testing::TestWithParam<Row> {};
TEST_P(NoToken, IsRefused) { EXPECT_FALSE(read_token_claims(GetParam().bytes)); }

INSTANTIATE_TEST_SUITE_P(
    Rows, NoToken,
    ::testing::Values(Row{"Empty", ""}, Row{"Text", "hello"}, Row{"TwoParts", "a.b"},
                      Row{"FourParts", "a.b.c.d"}, Row{"Dots", ".."}, Row{"BadDigit", "e30.e3!0.x"},
                      Row{"NoObject", token("[1,2]")}, Row{"NoJson", token("{")},
                      Row{"NoSubject", token(R"({"iss":"x"})")},
                      Row{"SubjectIsANumber", token(R"({"sub":7})")},
                      Row{"TooDeep", token(std::string(4000, '['))},
                      Row{"BadUtf8", token("{\"sub\":\"\xff\xfe\"}")},
                      Row{"TooLarge", token("{\"sub\":\"" + std::string(20000, 'a') + "\"}")}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TokenClaims, LeavesOutClaimsOfTheWrongTypeOrSize) {
  const auto claims =
      read_token_claims(token(R"({"sub":"s","jti":")" + std::string(600, 'j') +
                              R"(","exp":"soon","aud":{"x":1},"kubernetes.io":{"pod":"p"}})"));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->token_id(), "");
  EXPECT_EQ(claims->expires_at(), 0);
  EXPECT_EQ(claims->audience_size(), 0);
  EXPECT_EQ(claims->pod(), "");
}

}  // namespace
}  // namespace idtrail
