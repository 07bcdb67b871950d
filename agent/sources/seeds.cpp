// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/seeds.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <unordered_map>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "agent/sources/cgroups.h"
#include "agent/sources/file.h"

namespace idtrail {
namespace {

namespace fs = std::filesystem;
using CgroupIds = std::unordered_map<std::string, std::uint64_t>;

constexpr std::size_t kMaxProcesses = 262144;
constexpr std::size_t kMaxFile = 64U << 10U;  // bytes
constexpr long kOverlayMagic = 0x794c7630;

/// The fields of /proc/PID/stat after the command's closing parenthesis; [0] is field 3, the state.
std::vector<std::string_view> stat_fields(std::string_view text) {
  std::vector<std::string_view> fields;
  const auto close = text.rfind(')');  // the command may hold anything, a parenthesis too
  if (close == std::string_view::npos) return fields;
  text.remove_prefix(close + 1);
  while (true) {
    const auto start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) return fields;
    text.remove_prefix(start);
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    fields.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

template <typename T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string link_target(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : "";
}

void read_executable(const std::string& dir, v1::ProcessFact& fact) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::string path = link_target(dir + "/exe");
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  fact.set_executable(path);
  const Fd exe(open((dir + "/exe").c_str(), O_PATH | O_CLOEXEC));
  struct stat meta {};
  if (!exe || fstat(exe.get(), &meta) != 0) return;  // a kernel thread has none
  fact.set_exe_inode(meta.st_ino);
  fact.set_exe_device(kernel_device(meta.st_dev));
  struct statfs where {};
  fact.set_exe_on_overlay(fstatfs(exe.get(), &where) == 0 && where.f_type == kOverlayMagic);
}

std::uint64_t cgroup_of(const std::string& dir, const CgroupHierarchy& hierarchy,
                        const CgroupIds& ids) {
  const auto text = read_file(dir + "/cgroup", kMaxFile);
  if (!text) return 0;
  // Lines of NUMBER:CONTROLLERS:PATH, see cgroups(7).
  const std::string begin = std::to_string(hierarchy.id) + ":";
  const auto at = text->starts_with(begin) ? 0 : text->find("\n" + begin);
  if (at == std::string::npos) return 0;
  const auto start = text->find(':', text->find(':', at) + 1) + 1;
  const auto found = ids.find(text->substr(start, text->find('\n', start) - start));
  return found == ids.end() ? 0 : found->second;
}

std::optional<v1::ProcessFact> read_process(const SeedSettings& settings, std::string_view name,
                                            std::string_view host_mounts, const CgroupIds& ids) {
  const std::string dir = settings.proc + "/" + std::string(name);
  const auto text = read_file(dir + "/stat", kMaxFile);
  if (!text) return std::nullopt;
  const auto fields = stat_fields(*text);
  constexpr std::size_t kParent = 1;
  constexpr std::size_t kTty = 4;
  constexpr std::size_t kStart = 19;
  if (fields.size() <= kStart) return std::nullopt;
  const auto tick_ns = 1'000'000'000ULL / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  v1::ProcessFact fact;
  fact.set_tgid(number<std::uint32_t>(name));
  fact.set_parent_tgid(number<std::uint32_t>(fields[kParent]));
  fact.set_tty(number<std::int64_t>(fields[kTty]) != 0);
  fact.set_start_boot_ns(number<std::uint64_t>(fields[kStart]) * tick_ns);
  fact.set_cgroup_id(cgroup_of(dir, settings.cgroups, ids));
  fact.set_host_mount_namespace(link_target(dir + "/ns/mnt") == host_mounts);
  read_executable(dir, fact);
  return fact;
}

/// A child never starts before its parent, but the two may share a tick; the lower id then came
/// first, unless ids wrapped around between them.
void parents_first(std::vector<v1::ProcessFact>& processes) {
  std::sort(processes.begin(), processes.end(), [](const auto& a, const auto& b) {
    return std::pair(a.start_boot_ns(), a.tgid()) < std::pair(b.start_boot_ns(), b.tgid());
  });
}

}  // namespace

Seeds take_seeds(const SeedSettings& settings) {
  Seeds seeds;
  CgroupIds ids;
  seeds.skipped += walk_cgroups(settings.cgroups.root, [&](const v1::CgroupFact& fact) {
    ids.emplace(fact.path(), fact.id());
    seeds.cgroups.push_back(fact);
    return true;
  });
  const std::string host_mounts = link_target(settings.proc + "/1/ns/mnt");
  std::error_code error;
  for (fs::directory_iterator at(settings.proc, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto fact = seeds.processes.size() < kMaxProcesses
                    ? read_process(settings, name, host_mounts, ids)
                    : std::nullopt;
    if (fact) {
      seeds.processes.push_back(std::move(*fact));
    } else {
      ++seeds.skipped;
    }
  }
  parents_first(seeds.processes);
  return seeds;
}

}  // namespace idtrail
