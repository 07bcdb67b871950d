// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/token_claims.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace idtrail {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kClaimMax = 512;  // bytes; longer values are no claim of Kubernetes
constexpr int kAudienceMax = 16;
constexpr int kDepthMax = 8;

int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

/// RFC 4648 §5 without padding, as RFC 7515 wants it. Nothing where a digit is none.
std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const int digit = digit_of(c);
    if (digit < 0) return std::nullopt;
    bits = (bits << 6U | static_cast<std::uint32_t>(digit)) & 0xFFFFU;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 0xFFU));
  }
  return bytes;
}

/// The member of an object; null where there is none.
const Json& member(const Json& object, const char* name) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found == object.end() ? kNone : *found;
}

std::string text_of(const Json& value) {
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  return text.size() <= kClaimMax ? text : std::string();
}

std::int64_t seconds_of(const Json& value) {
  if (value.is_number_unsigned()) {
    return static_cast<std::int64_t>(
        std::min<std::uint64_t>(value.get<std::uint64_t>(), INT64_MAX));
  }
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

void read_audience(const Json& value, v1::TokenClaims& claims) {
  if (value.is_string()) claims.add_audience(text_of(value));
  if (!value.is_array()) return;
  for (const Json& one : value) {
    if (claims.audience_size() == kAudienceMax) return;
    if (one.is_string()) claims.add_audience(text_of(one));
  }
}

/// system:serviceaccount:NAMESPACE:NAME, all that a token of the old kind states.
void read_subject(v1::TokenClaims& claims) {
  constexpr std::string_view kPrefix = "system:serviceaccount:";
  std::string_view rest = claims.subject();
  if (!rest.starts_with(kPrefix)) return;
  rest.remove_prefix(kPrefix.size());
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return;
  claims.set_namespace_(std::string(rest.substr(0, colon)));
  claims.set_service_account(std::string(rest.substr(colon + 1)));
}

v1::TokenClaims claims_of(const Json& payload) {
  v1::TokenClaims claims;
  claims.set_issuer(text_of(member(payload, "iss")));
  claims.set_subject(text_of(member(payload, "sub")));
  claims.set_token_id(text_of(member(payload, "jti")));
  claims.set_expires_at(seconds_of(member(payload, "exp")));
  read_audience(member(payload, "aud"), claims);
  const Json& bound = member(payload, "kubernetes.io");
  claims.set_namespace_(text_of(member(bound, "namespace")));
  const Json& account = member(bound, "serviceaccount");
  claims.set_service_account(text_of(member(account, "name")));
  claims.set_service_account_uid(text_of(member(account, "uid")));
  claims.set_pod(text_of(member(member(bound, "pod"), "name")));
  claims.set_pod_uid(text_of(member(member(bound, "pod"), "uid")));
  claims.set_node(text_of(member(member(bound, "node"), "name")));
  if (claims.service_account().empty()) read_subject(claims);
  return claims;
}

}  // namespace

std::optional<v1::TokenClaims> read_token_claims(std::string_view token) {
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) {
    token.remove_suffix(1);
  }
  if (token.size() > kTokenBytesMax) return std::nullopt;
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  if (token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  if (!payload) return std::nullopt;
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kDepthMax; };
  const Json json = Json::parse(*payload, shallow, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  v1::TokenClaims claims = claims_of(json);
  if (claims.subject().empty()) return std::nullopt;
  return claims;
}

}  // namespace idtrail
