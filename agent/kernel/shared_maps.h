// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/kernel/handles.h"
#include "core/common/result.h"

namespace idtrail {

/// The maps that all probes use (bpf/lib/maps.h).
class SharedMaps {
 public:
  /// Names in the BPF file system, for maps that outlive the agent; both empty: they end with it.
  struct Place {
    std::string owner;   // of the map `owner`, which every generation of programs shares
    std::string folder;  // of the others
  };
  /// Makes them, or takes those that stand at their place already. `ring_bytes` is a power of two
  /// and a multiple of the page size.
  static Result<SharedMaps> create(std::uint32_t ring_bytes, const Place& place);

  /// Makes a probe's object that is not loaded yet use these maps instead of making its own.
  [[nodiscard]] Result<void> lend_to(bpf_object& object) const;
  /// The descriptor stays ours. The name must exist.
  [[nodiscard]] int fd(const char* name) const;

 private:
  explicit SharedMaps(BpfObject object) : object_(std::move(object)) {}
  BpfObject object_;
};

}  // namespace idtrail
