// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "idtrail/key_name.h"

namespace idtrail {
namespace {

__u64 word_of(const std::string& name, std::size_t at) {
  __u64 word = 0x2a2a2a2a2a2a2a2aULL;  // what an older name left behind
  if (at * 8 < name.size() + 1) {
    std::memcpy(&word, name.c_str() + at * 8, std::min<std::size_t>(8, name.size() + 1 - at * 8));
  }
  return word;
}

__u64 tail_of(const std::string& name) {
  const std::size_t last = (name.size() - 1) / 8;
  return key_tail(last == 0 ? 0 : word_of(name, last - 1), word_of(name, last),
                  static_cast<__u32>(name.size()));
}

/// As the kernel half asks: the end of the name first.
__u32 sort_of(const std::string& dir, const std::string& name) {
  key_name one{};
  one.tail = tail_of(name);
  std::strncpy(one.text, name.c_str(), sizeof(one.text) - 1);
  std::strncpy(one.dir, dir.c_str(), sizeof(one.dir) - 1);
  return may_name_key(one.tail) ? key_sort(&one) : 0;
}

TEST(KeyName, TheTailIsTheLastEightBytes) {
  for (std::size_t size = 1; size <= 32; ++size) {
    const std::string name = std::string("abcdefghijklmnopqrstuvwxyz012345").substr(0, size);
    __u64 expected = 0;
    for (const char byte : name) expected = expected >> 8 | static_cast<__u64>(byte) << 56;
    EXPECT_EQ(tail_of(name), expected) << name;
  }
}

TEST(KeyName, KnowsTheKeysThatItNames) {
  EXPECT_EQ(sort_of(".aws", "credentials"), KEY_AWS);
  EXPECT_EQ(sort_of(".kube", "config"), KEY_KUBECONFIG);
  EXPECT_EQ(sort_of("kubelet", "kubeconfig"), KEY_KUBECONFIG);
  for (const char* name : {"admin.conf", "kubelet.conf", "super-admin.conf", "scheduler.conf"}) {
    EXPECT_EQ(sort_of("kubernetes", name), KEY_KUBECONFIG) << name;
  }
  EXPECT_EQ(sort_of(".docker", "config.json"), KEY_REGISTRY);
  EXPECT_EQ(sort_of("containers", "auth.json"), KEY_REGISTRY);
  EXPECT_EQ(sort_of("root", ".dockercfg"), KEY_REGISTRY);
  EXPECT_EQ(sort_of("root", ".dockerconfigjson"), KEY_REGISTRY);
  EXPECT_EQ(sort_of("gcloud", "application_default_credentials.json"), KEY_GCP);
  for (const char* name : {"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk",
                           "id_ed25519_sk", "ssh_host_rsa_key", "ssh_host_ed25519_key"}) {
    EXPECT_EQ(sort_of("x", name), KEY_SSH) << name;
  }
  for (const char* name : {"tls.key", "a.key", "key.pem", "privkey.pem", "server-key.pem",
                           "a-name-of-more-than-forty-bytes-in-all-of-it.key", "x.p12", "x.pfx"}) {
    EXPECT_EQ(sort_of("certs", name), KEY_TLS) << name;
  }
  EXPECT_EQ(sort_of("private", "server.pem"), KEY_TLS);
  EXPECT_EQ(sort_of("root", ".vault-token"), KEY_VAULT);
}

TEST(KeyName, LeavesEverythingElseAlone) {
  const std::pair<const char*, const char*> others[] = {
      {"etc", "credentials"},   {"etc", "config"},         {"etc", "resolv.conf"},
      {"app", "config.json"},   {"app", "package.json"},   {"app", "auth.json"},
      {".ssh", "id_rsa.pub"},   {".ssh", "known_hosts"},   {"certs", "ca.pem"},
      {"certs", "cert.pem"},    {"certs", "monkey"},       {"certs", "tls.crt"},
      {"x", "token"},           {"x", "my_key"},           {"x", "k"},
      {"kubernete", "x.conf"},  {"kubernetes2", "x.conf"}, {"private2", "server.pem"},
      {".aws2", "credentials"}, {"proc", "environ"},       {"x", "turkey"}};
  for (const auto& [dir, name] : others) EXPECT_EQ(sort_of(dir, name), 0U) << dir << "/" << name;
}

}  // namespace
}  // namespace idtrail
