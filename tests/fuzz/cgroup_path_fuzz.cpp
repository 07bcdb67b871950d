// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/identity/cgroup_path.h"

// Any path is read; what it yields has the form that it promises.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view path(reinterpret_cast<const char*>(data), size);
  for (const auto& found :
       {idtrail::parse_cgroup_path(path), idtrail::parse_outermost_cgroup_path(path)}) {
    const std::size_t id = found.container_id.size();
    const std::size_t uid = found.pod_uid.size();
    if ((id != 0 && id != 64) || (uid != 0 && uid != 32 && uid != 36)) std::abort();
    if (found.monitor && id == 0) std::abort();
  }
  return 0;
}
