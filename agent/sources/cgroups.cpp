// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/cgroups.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include <sys/stat.h>

namespace idtrail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxCgroups = 65536;

struct Next {
  std::string path;  // below the root
  std::uint64_t parent;
};

void add_children(const std::string& root, const Next& here, std::uint64_t id,
                  std::vector<Next>& next) {
  std::error_code error;
  for (fs::directory_iterator at(root + here.path, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (at->is_symlink(ignored) || !at->is_directory(ignored)) continue;
    next.push_back({here.path + "/" + at->path().filename().string(), id});
  }
}

}  // namespace

std::uint64_t walk_cgroups(const std::string& root,
                           const std::function<bool(const v1::CgroupFact&)>& each) {
  std::uint64_t skipped = 0;
  std::size_t count = 0;
  std::vector<Next> next{{"", 0}};
  while (!next.empty()) {
    const Next here = std::move(next.back());
    next.pop_back();
    struct stat meta {};
    if (++count > kMaxCgroups || stat((root + here.path).c_str(), &meta) != 0) {
      ++skipped;
      continue;
    }
    // The inode of a cgroup's directory is the kernel's id of it.
    v1::CgroupFact fact;
    fact.set_id(meta.st_ino);
    fact.set_parent_id(here.parent);
    fact.set_path(here.path.empty() ? "/" : here.path);
    if (!each(fact)) return skipped;
    add_children(root, here, meta.st_ino, next);
  }
  return skipped;
}

std::vector<v1::CgroupFact> find_cgroup(const std::string& root, std::uint64_t id) {
  std::unordered_map<std::uint64_t, v1::CgroupFact> seen;
  walk_cgroups(root, [&](const v1::CgroupFact& fact) {
    seen.emplace(fact.id(), fact);
    return fact.id() != id;
  });
  std::vector<v1::CgroupFact> line;
  for (auto at = seen.find(id); at != seen.end(); at = seen.find(at->second.parent_id())) {
    line.push_back(at->second);
  }
  std::reverse(line.begin(), line.end());
  return line;
}

}  // namespace idtrail
