// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/token.h"

#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

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
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using File = std::unique_ptr<std::FILE, Freer<std::fclose>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

std::string base64url(std::string_view bytes) {
  std::vector<unsigned char> text(4 * ((bytes.size() + 2) / 3) + 1);
  const int size =
      EVP_EncodeBlock(text.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  std::string out(text.begin(), text.begin() + size);
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  out.erase(out.find_last_not_of('=') + 1);
  return out;
}

/// Three primes instead of two: a quarter of the time, which under emulation is 5 seconds, not 20.
Key make_key() {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), kKeyBits) != 1 ||
      EVP_PKEY_CTX_set_rsa_keygen_primes(context.get(), 3) != 1 ||
      EVP_PKEY_generate(context.get(), &key) != 1) {
    return nullptr;
  }
  return Key(key);
}

/// The key of this node's tokens, made on first use.
Result<Key> node_key(const std::filesystem::path& path) {
  if (const File file{std::fopen(path.c_str(), "re")}; file) {
    if (Key key{PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr)}; key) return key;
  }
  Key key = make_key();
  if (!key) return Error{Errc::kInternal, "make a key: OpenSSL refused"};
  const std::filesystem::path part = path.string() + "." + random_hex();
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (auto made = write_file(part, "", 0600, static_cast<gid_t>(-1)); !made) return made.error();
  if (const File file{std::fopen(part.c_str(), "we")};
      !file ||
      PEM_write_PrivateKey(file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("write", part);
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) return failed("rename to", path);
  return key;
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
  return fmt::format("{:08x}-{:04x}-4000-8000-{:012x}", hash >> 32, (hash >> 16) & 0xffff,
                     hash & 0xffffffff);
}

}  // namespace

Result<Token> issue_token(const std::filesystem::path& key_file, const Bearer& bearer,
                          std::int64_t now_s) {
  auto key = node_key(key_file);
  if (!key) return key.error();

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
        {"serviceaccount",
         {{"name", bearer.service_account}, {"uid", uid_of("account " + account)}}},
        {"warnafter", now_s + kRequested_s}}},
      {"nbf", now_s},
      {"sub", "system:serviceaccount:" + bearer.namespace_name + ":" + bearer.service_account}};
  const std::string text = base64url(header.dump()) + "." + base64url(claims.dump());
  auto signature = sign(*key, text);
  if (!signature) return signature.error();
  return Token{text + "." + base64url(*signature), jti};
}

}  // namespace idtrail::rig
