// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/shared_maps.h"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "agent/kernel/libbpf_log.h"
#include "agent/kernel/preflight.h"
#include "bpf/skeleton/all.h"

namespace idtrail {

Result<SharedMaps> SharedMaps::create(std::uint32_t ring_bytes, const Place& place) {
  const LibbpfLog log;
  std::size_t size = 0;
  const void* elf = shared_bpf__elf_bytes(&size);
  BpfObject object(bpf_object__open_mem(elf, size, nullptr));
  if (!object) return Error{Errc::kInternal, fmt::format("open shared maps: {}", log.text())};
  for (const char* ring : {"urgent", "bulk"}) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object.get(), ring), ring_bytes);
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    if (place.folder.empty()) break;
    const std::string name = bpf_map__name(map);
    // libbpf takes what stands there, if it is alike, and gives what it makes that name.
    bpf_map__set_pin_path(map, (name == "owner" ? place.owner : place.folder + "/" + name).c_str());
  }
  if (const int error = bpf_object__load(object.get()); error != 0) {
    return bpf_refused(-error, fmt::format("create the shared maps ({})", log.text()));
  }
  return SharedMaps(std::move(object));
}

Result<void> SharedMaps::lend_to(bpf_object& object) const {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, &object) {
    const char* name = bpf_map__name(map);
    const bpf_map* ours = bpf_object__find_map_by_name(object_.get(), name);
    if (ours == nullptr) continue;
    if (const int error = bpf_map__reuse_fd(map, bpf_map__fd(ours)); error != 0) {
      return Error{Errc::kInternal, fmt::format("share map {}: {}", name, std::strerror(-error))};
    }
  }
  return {};
}

int SharedMaps::fd(const char* name) const {
  const int found = bpf_object__find_map_fd_by_name(object_.get(), name);
  assert(found >= 0);
  return found;
}

}  // namespace idtrail
