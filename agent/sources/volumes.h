// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/sources/file.h"
#include "agent/sources/mountinfo.h"
#include "agent/sources/volume_files.h"
#include "core/common/result.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

struct VolumeSettings {
  std::string kubelet_root = "/var/lib/kubelet";  // without links, as the mount table has it
  std::string proc = "/proc";
  /// Which superblock has the device now, by the kernel half; 0 where it is older than that.
  std::function<std::uint32_t(std::uint32_t device)> generation;
};

/// What the pipeline asked about volumes.
struct VolumeQuestions {
  std::set<std::uint32_t> devices;
  std::set<std::string> pods;  // uids
};

/// The memory file systems of the node, by the mount table of its first process: no workload can
/// write that one. One thread.
class MountedVolumes {
 public:
  /// kPermission where the table or the root of the first process cannot be opened.
  static Result<MountedVolumes> open(VolumeSettings settings);

  /// Reads the table and returns what changed since the last scan. Volumes that were asked
  /// for, and those of the asked pods that were empty, are listed anew: a rotated token is a new
  /// inode. A fact's generation is that of the superblock which was looked at.
  std::vector<v1::Fact> scan(const VolumeQuestions& asked);

  /// Readable with POLLPRI when the table has changed.
  [[nodiscard]] int table_fd() const { return table_.get(); }

 private:
  struct Found {
    Mount mount;
    std::optional<VolumePath> path;
  };
  struct Known {
    std::uint64_t mount_id = 0;
    v1::VolumeFact fact;
  };
  using Table = std::map<std::uint32_t, Found>;

  MountedVolumes(VolumeSettings settings, Fd table, Fd root);
  std::optional<Table> read_table();
  [[nodiscard]] bool is_due(std::uint32_t device, const Found& found, std::uint32_t generation,
                            const VolumeQuestions& asked) const;
  v1::Fact look_at(std::uint32_t device, const Found& found, std::uint32_t generation);
  void drop_gone(const Table& table, std::vector<v1::Fact>& facts);

  VolumeSettings settings_;
  Fd table_;
  Fd root_;
  std::map<std::uint32_t, Known> known_;
};

}  // namespace idtrail
