// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <bpf/bpf.h>
#include <unistd.h>

namespace idtrail::test {

/// Every map in the kernel with that name. Tells how many there are.
template <typename Each>
int for_each_map(const std::string& name, Each each) {
  std::uint32_t id = 0;
  int found = 0;
  while (bpf_map_get_next_id(id, &id) == 0) {
    const int map = bpf_map_get_fd_by_id(id);
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(map, &info, &size) == 0 && name == info.name) {
      ++found;
      each(map, info);
    }
    close(map);
  }
  return found;
}

}  // namespace idtrail::test
