// SPDX-License-Identifier: Apache-2.0
#include "core/node/hierarchy.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>

namespace idtrail {
namespace {

constexpr long kCgroup2Magic = 0x63677270;

/// The number of the version 1 hierarchy that has the controller; 0 where none has.
std::uint32_t number_of(const std::string& proc, std::string_view controller) {
  std::ifstream in(proc + "/cgroups");
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string name;
    std::uint32_t number = 0;
    if (fields >> name >> number && name == controller) return number;
  }
  return 0;
}

bool is_directory(const std::string& path) {
  struct stat meta {};
  return stat(path.c_str(), &meta) == 0 && S_ISDIR(meta.st_mode);
}

bool is_unified(const std::string& path) {
  struct statfs meta {};
  return statfs(path.c_str(), &meta) == 0 && meta.f_type == kCgroup2Magic;
}

}  // namespace

Result<CgroupHierarchy> find_hierarchy(const std::string& proc, const std::string& top) {
  for (const char* controller : {"memory", "pids"}) {
    const std::uint32_t id = number_of(proc, controller);
    std::string root = top + "/" + controller;
    if (id != 0 && is_directory(root)) return CgroupHierarchy{controller, id, std::move(root)};
  }
  for (const std::string& root : {top, top + "/unified"}) {
    if (is_unified(root)) return CgroupHierarchy{"", 0, root};
  }
  return Error{Errc::kUnsupported,
               fmt::format("find the cgroups of containers: neither version 2 nor the `memory` or "
                           "`pids` controller of version 1 is mounted at {}",
                           top)};
}

}  // namespace idtrail
