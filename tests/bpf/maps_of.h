// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bpf/bpf.h>
#include <gtest/gtest.h>
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

/// Changes every entry of every array with that name, as if a program had; for one with values for
/// each CPU, those of all `cpus`.
template <typename Value, typename Change>
void change_all(const std::string& name, std::size_t cpus, Change change) {
  std::vector<Value> each(cpus);
  const int found = for_each_map(name, [&](int map, const bpf_map_info& info) {
    ASSERT_EQ(info.value_size, sizeof(Value));
    for (std::uint32_t key = 0; key < info.max_entries; ++key) {
      ASSERT_EQ(bpf_map_lookup_elem(map, &key, each.data()), 0);
      for (Value& one : each) change(one);
      ASSERT_EQ(bpf_map_update_elem(map, &key, each.data(), BPF_ANY), 0);
    }
  });
  EXPECT_GT(found, 0);
}

}  // namespace idtrail::test
