// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/token.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "tests/rig/file.h"

namespace idtrail::rig {

namespace {

constexpr std::int64_t kLifetime_s = 365 * 24 * 3600;
constexpr std::int64_t kRequested_s = 3607;  // what the kubelet asks for; kept as warnafter
constexpr const char* kIssuer = "https://kubernetes.default.svc.cluster.local";
constexpr int kKeyBits = 2048;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const { Free(thing); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

std::string base64url(std::string_view bytes) {
  std::vector<unsigned char> text(4 * ((bytes.size() + 2) / 3) + 1);
  const int size = EVP_EncodeBlock(text.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  std::string out(text.begin(), text.begin() + size);
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  out.erase(out.find_last_not_of('=') + 1);
  return out;
}

Result<std::string> sign(const Key& key, std::string_view text) {
  const Digest digest(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) != 1) {
    return Error{Errc::kInternal, "sign a token: OpenSSL refused"};
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                     text.size()) != 1) {
    return Error{Errc::kInternal, "sign a token: OpenSSL refused"};
  }
  signature.resize(size);
  return signature;
}

/// Looks like a uid and depends on the name alone.
std::string uid_of(const std::string& name) {
  const std::size_t hash = std::hash<std::string>{}(name);
  return fmt::format("{:08x}-{:04x}-4000-8000-{:012x}", hash >> 32, (hash >> 16) & 0xffff, hash & 0xffffffff);
}

}  // namespace

Result<Token> issue_token(const Bearer& bearer, std::int64_t now_s) {
  const Key key(EVP_RSA_gen(kKeyBits));
  if (!key) return Error{Errc::kInternal, "make a key: OpenSSL refused"};

  const std::string account = bearer.namespace_name + "/" + bearer.service_account;
  const std::string jti = random_uuid();
  const nlohmann::json header = {{"alg", "RS256"}, {"kid", base64url(random_hex())}};
  const nlohmann::json claims = {
      {"aud", {kIssuer}},
      {"exp", now_s + kLifetime_s},
      {"iat", now_s},
      {"iss", kIssuer},
      {"jti", jti},
      {"kubernetes.io",
       {{"namespace", bearer.namespace_name},
        {"node", {{"name", bearer.node}, {"uid", uid_of("node " + bearer.node)}}},
        {"pod", {{"name", bearer.pod}, {"uid", bearer.pod_uid}}},
        {"serviceaccount", {{"name", bearer.service_account}, {"uid", uid_of("account " + account)}}},
        {"warnafter", now_s + kRequested_s}}},
      {"nbf", now_s},
      {"sub", "system:serviceaccount:" + bearer.namespace_name + ":" + bearer.service_account}};
  const std::string text = base64url(header.dump()) + "." + base64url(claims.dump());
  auto signature = sign(key, text);
  if (!signature) return signature.error();
  return Token{text + "." + base64url(*signature), jti};
}

}  // namespace idtrail::rig
