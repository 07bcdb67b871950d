// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/volumes.h"

#include <chrono>
#include <utility>

namespace idtrail {
namespace {
constexpr std::chrono::seconds kAskAgain{1};
}

void Volumes::on_fact(const v1::VolumeFact& fact) {
  if (fact.gone()) {
    volumes_.erase(fact.device());
    return;
  }
  if (volumes_.size() >= kCapacity && !volumes_.contains(fact.device())) {
    counters_.add(Counter::volume_overflow);
    return;
  }
  for (const v1::VolumeFile& file : fact.files()) {
    if (file.has_claims()) containers_.on_claims(fact.pod_uid(), file.claims());
  }
  Volume& volume = volumes_[fact.device()];
  volume = Volume{};
  volume.listed = true;
  volume.credential = fact.credential();
  volume.generation = fact.generation();
  volume.base.kind = fact.kind();
  volume.base.volume = fact.volume();
  volume.base.pod_uid = fact.pod_uid();
  const Containers::PodAccount* pod = containers_.pod(fact.pod_uid());
  volume.base.namespace_name = pod != nullptr ? pod->namespace_name : kUnknown;
  if (pod != nullptr) volume.base.pod_name = pod->pod_name;
  if (pod != nullptr && !pod->service_account.empty()) {
    volume.base.service_account = pod->service_account;
  }
  for (const v1::VolumeFile& file : fact.files()) {
    if (volume.files.size() >= kFilesMax) {
      counters_.add(Counter::volume_overflow);
      break;
    }
    auto credential = std::make_shared<const Credential>(credential_of(volume, file));
    volume.by_name[file.name()] = credential;
    volume.files[file.inode()] = std::move(credential);
  }
}

Credential Volumes::credential_of(const Volume& volume, const v1::VolumeFile& file) const {
  Credential credential = volume.base;
  credential.file = file.name();
  credential.sensitive = file.sensitive();
  if (!file.has_claims()) return credential;
  const v1::TokenClaims& claims = file.claims();
  credential.token_id = claims.token_id();
  if (!claims.namespace_().empty()) credential.namespace_name = claims.namespace_();
  if (!claims.pod().empty()) credential.pod_name = claims.pod();
  if (!claims.service_account().empty()) credential.service_account = claims.service_account();
  return credential;
}

void Volumes::on_mount(const MountChanged& change) { volumes_.erase(change.device); }

Volumes::Found Volumes::find(const CredentialRead& read) const {
  const auto found = volumes_.find(read.file.device);
  if (found == volumes_.end() || !found->second.listed) return {};
  const Volume& volume = found->second;
  // A listing of another superblock under the same number: the device's former or next owner.
  if (read.volume_generation != volume.generation) return {};
  if (!volume.credential) return {.known = Known::kOrdinary};
  const auto file = volume.files.find(read.file.inode);
  if (file == volume.files.end()) return {};
  return {.known = Known::kCredential, .credential = &file->second};
}

Volumes::Found Volumes::settle(const CredentialRead& read) {
  if (const Found found = find(read); found.known != Known::kNo) return found;
  const auto known = volumes_.find(read.file.device);
  if (known == volumes_.end() || !known->second.listed) return {};
  Volume& volume = known->second;
  if (read.volume_generation != volume.generation) return {};
  const auto named = volume.by_name.find(std::string(read.name));
  CredentialPtr credential;
  if (named != volume.by_name.end()) {
    credential = named->second;
  } else {
    counters_.add(Counter::volume_file_unlisted);
    Credential made = volume.base;
    made.file = read.name;
    credential = std::make_shared<const Credential>(std::move(made));
  }
  if (volume.files.size() >= kFilesMax) volume.files.clear();
  const auto [row, added] = volume.files.insert_or_assign(read.file.inode, std::move(credential));
  return {.known = Known::kCredential, .credential = &row->second};
}

void Volumes::ask(std::uint32_t device, BootTime now) {
  if (!volumes_.contains(device) && volumes_.size() >= kCapacity) {
    counters_.add(Counter::volume_overflow);
    return;
  }
  Volume& volume = volumes_[device];
  if (volume.pending && now - volume.asked_at < kAskAgain) return;
  volume.pending = true;
  volume.asked_at = now;
  containers_.ask({.what = LookUp::What::kVolume, .device = device});
}

bool Volumes::answered(std::uint32_t device) const {
  const auto known = volumes_.find(device);
  return known != volumes_.end() && known->second.listed && !known->second.pending;
}

}  // namespace idtrail
