// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "agent/counters.h"
#include "agent/identity/containers.h"
#include "core/model/event.h"
#include "core/model/observation.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

using CredentialPtr = std::shared_ptr<const Credential>;

/// Volumes of pods by device, and the credential that each of their files is. Bounded.
class Volumes {
 public:
  static constexpr std::size_t kCapacity = 16384;  // devices
  static constexpr std::size_t kFilesMax = 4096;   // of one volume

  Volumes(Containers& containers, Counters& counters)
      : containers_(containers), counters_(counters) {}

  void on_fact(const v1::VolumeFact& fact);
  /// A superblock came or went: whatever was known of the device is void.
  void on_mount(const MountChanged& change);

  enum class Known : std::uint8_t {
    kOrdinary,    // a tmpfs that holds no credential
    kCredential,  // `credential` is set
    kNo,          // worth waiting for a listing of the volume
  };
  struct Found {
    Known known = Known::kNo;
    const CredentialPtr* credential = nullptr;  // until the next call that changes the volume
  };
  [[nodiscard]] Found find(const CredentialRead& read) const;
  /// What can be said without a further listing: by the file's name where its inode is unknown, as
  /// after a rotation, or by its volume alone. Remembers the answer.
  Found settle(const CredentialRead& read);
  /// Asks for a listing of the device, unless that was done lately.
  void ask(std::uint32_t device, BootTime now);
  /// A listing has come since the device was asked for.
  [[nodiscard]] bool answered(std::uint32_t device) const;
  [[nodiscard]] std::size_t size() const { return volumes_.size(); }

 private:
  struct Volume {
    bool listed = false;   // a Fact has come; false: only asked for
    bool pending = false;  // asked for, no Fact since
    BootTime asked_at{};
    bool credential = false;
    std::uint32_t generation = 0;
    Credential base;                                         // what every file of the volume shares
    std::unordered_map<std::uint64_t, CredentialPtr> files;  // by inode
    std::unordered_map<std::string, CredentialPtr> by_name;
  };
  Credential credential_of(const Volume& volume, const v1::VolumeFile& file) const;

  Containers& containers_;
  Counters& counters_;
  std::unordered_map<std::uint32_t, Volume> volumes_;
};

}  // namespace idtrail
