// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/key_files.h"

#include "idtrail/events.h"

namespace idtrail {
namespace {

const char* kind_of(std::uint16_t sort) {
  switch (sort) {
    case KEY_AWS:
      return "aws-credentials";
    case KEY_KUBECONFIG:
      return "kubeconfig";
    case KEY_REGISTRY:
      return "registry-credentials";
    case KEY_GCP:
      return "gcp-credentials";
    case KEY_SSH:
      return "ssh-key";
    case KEY_TLS:
      return "tls-key";
    case KEY_VAULT:
      return "vault-token";
    case KEY_ENVIRON:
      return "environment";
    default:
      return kUnknown;
  }
}

}  // namespace

Credential key_file_credential(const CredentialRead& read, std::string_view target) {
  Credential credential;
  credential.kind = kind_of(read.sort);
  credential.file = read.sort == KEY_ENVIRON ? target : read.path;
  credential.namespace_name = kUnknown;
  return credential;
}

}  // namespace idtrail
