// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/volumes.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>

namespace idtrail {
namespace {

v1::Fact as_fact(v1::VolumeFact volume) {
  v1::Fact fact;
  *fact.mutable_volume() = std::move(volume);
  return fact;
}

/// A memory file system of some other mount namespace. The kubelet mounts every volume in the
/// node's own, so this one is none of its.
v1::Fact elsewhere(std::uint32_t device, std::uint32_t generation) {
  v1::VolumeFact fact;
  fact.set_device(device);
  fact.set_generation(generation);
  return as_fact(std::move(fact));
}

}  // namespace

Result<MountedVolumes> MountedVolumes::open(VolumeSettings settings) {
  const std::string table_path = settings.proc + "/1/mountinfo";
  const std::string root_path = settings.proc + "/1/root";
  Fd table(::open(table_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!table) {
    return Error{Errc::kPermission, fmt::format("open {}: {}", table_path, std::strerror(errno))};
  }
  Fd root(::open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    return Error{Errc::kPermission,
                 fmt::format("open {}: {}; needed are CAP_SYS_PTRACE and the node's pid namespace",
                             root_path, std::strerror(errno))};
  }
  return MountedVolumes(std::move(settings), std::move(table), std::move(root));
}

MountedVolumes::MountedVolumes(VolumeSettings settings, Fd table, Fd root)
    : settings_(std::move(settings)), table_(std::move(table)), root_(std::move(root)) {}

std::optional<MountedVolumes::Table> MountedVolumes::read_table() {
  Table table;
  const MountTable read = read_mounts(table_.get(), [&](Mount mount) {
    auto path = parse_volume_path(mount.point, settings_.kubelet_root);
    auto& entry = table[mount.device];
    // A subPath binds the same device at a second place: the volume's own mount point counts.
    if (entry.mount.id == 0 || (path && !entry.path)) entry = {std::move(mount), std::move(path)};
  });
  if (!read.complete) return std::nullopt;
  return table;
}

bool MountedVolumes::is_due(std::uint32_t device, const Found& found, std::uint32_t generation,
                            const VolumeQuestions& asked) const {
  if (asked.devices.contains(device)) return true;
  const auto known = known_.find(device);
  if (known == known_.end() || known->second.mount_id != found.mount.id) return true;
  const auto& fact = known->second.fact;
  return fact.generation() != generation ||
         (fact.credential() && fact.files().empty() && asked.pods.contains(fact.pod_uid()));
}

v1::Fact MountedVolumes::look_at(std::uint32_t device, const Found& found,
                                 std::uint32_t generation) {
  auto& known = known_[device];
  known = Known{.mount_id = found.mount.id, .fact = {}};
  known.fact.set_device(device);
  known.fact.set_generation(generation);
  known.fact.set_credential(found.path.has_value());
  if (found.path) {
    known.fact.set_volume(found.path->name);
    known.fact.set_pod_uid(found.path->pod_uid);
    list_volume(root_.get(), found.mount.point, *found.path, known.fact);
  }
  return as_fact(known.fact);
}

void MountedVolumes::drop_gone(const Table& table, std::vector<v1::Fact>& facts) {
  for (auto at = known_.begin(); at != known_.end();) {
    if (table.contains(at->first)) {
      ++at;
      continue;
    }
    v1::VolumeFact gone;
    gone.set_device(at->first);
    gone.set_generation(at->second.fact.generation());
    gone.set_gone(true);
    facts.push_back(as_fact(std::move(gone)));
    at = known_.erase(at);
  }
}

std::vector<v1::Fact> MountedVolumes::scan(const VolumeQuestions& asked) {
  std::vector<v1::Fact> facts;
  const auto first = read_table();
  if (!first) return facts;
  drop_gone(*first, facts);
  // A generation is worth something only for a mount that is looked at after it was read.
  std::map<std::uint32_t, std::uint32_t> due;
  for (const auto& [device, found] : *first) {
    const auto generation = settings_.generation(device);
    if (is_due(device, found, generation, asked)) due.emplace(device, generation);
  }
  for (const auto device : asked.devices) due.try_emplace(device, settings_.generation(device));
  if (due.empty()) return facts;
  const auto second = read_table();
  if (!second) return facts;
  for (const auto& [device, generation] : due) {
    const auto before = first->find(device);
    const auto now = second->find(device);
    const bool was_there = before != first->end();
    if (now == second->end()) {
      if (!was_there) facts.push_back(elsewhere(device, generation));
    } else if (was_there && before->second.mount.id == now->second.mount.id) {
      facts.push_back(look_at(device, now->second, generation));
    }  // else it changed meanwhile: the table is readable again
  }
  return facts;
}

}  // namespace idtrail
