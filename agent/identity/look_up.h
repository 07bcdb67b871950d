// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace idtrail {

/// A question that the pipeline asks of the live world; the answer comes back as a Fact.
struct LookUp {
  enum class What : std::uint8_t {
    /// Answer: the VolumeFacts of the container's pod that are new, then its ContainerFact, so that
    /// the service account is stated when the container becomes known. found=false where the
    /// runtime does not know it; a later found=true still counts.
    kContainer,
    /// Answer: a VolumeFact for the device with every file listed anew; credential=false for an
    /// ordinary tmpfs, gone=true where nothing is mounted.
    kVolume,
    /// Answer: CgroupFacts for the id and its ancestors, parents first, where it still exists.
    kCgroup,
  };
  What what = What::kContainer;
  std::string container_id{};  // kContainer
  std::uint32_t device = 0;    // kVolume
  std::uint64_t cgroup = 0;    // kCgroup
  bool operator==(const LookUp&) const = default;
};

}  // namespace idtrail
