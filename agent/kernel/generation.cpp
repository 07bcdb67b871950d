// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/generation.h"

#include <algorithm>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "agent/kernel/handles.h"
#include "idtrail/owner.h"

namespace idtrail {
namespace {

constexpr const char* kMaps = "maps";

/// Epoch of the set that reports; 0: none does.
Result<std::uint64_t> reporting_epoch(const std::string& path) {
  const Fd map(bpf_obj_get(path.c_str()));
  if (!map) return std::uint64_t{0};
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  constexpr std::uint32_t kFirst = 0;
  owner value{};
  if (bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 && info.value_size == sizeof(value) &&
      bpf_map_lookup_elem(map.get(), &kFirst, &value) == 0) {
    return std::uint64_t{value.epoch};
  }
  return Error{Errc::kUnsupported,
               fmt::format("take over {}: not of idtrail, or of a build that this one does not "
                           "know; take it away (idtrail-agent --unpin)",
                           path)};
}

}  // namespace

Result<Generation> Generation::open(const std::string& folder, std::uint64_t shape) {
  auto pins = Pins::open(folder);
  if (!pins) return pins.error();
  const auto reporting = reporting_epoch(pins->owner());
  if (!reporting) return reporting.error();
  Generation generation;
  generation.pins_ = std::move(*pins);
  generation.ours_ = {.epoch = 0, .wire = IDTRAIL_WIRE_CONTRACT, .shape = shape};
  if (auto done = generation.sort_out(*reporting); !done) return done.error();
  return generation;
}

Result<void> Generation::sort_out(std::uint64_t reporting) {
  std::uint32_t newest = static_cast<std::uint32_t>(reporting);
  for (const PinnedSet& set : pins_->sets()) {
    newest = std::max(newest, set.epoch);
    if (reporting == 0 || set.epoch > reporting) {  // begun by an agent that came to no end
      if (auto removed = remove(set); !removed) return removed;
    } else if (set.epoch == reporting && set.shape == ours_.shape && set.wire == ours_.wire) {
      ours_ = set;
      taken_over_ = true;
    } else {
      former_.push_back(set);
    }
  }
  if (!taken_over_) ours_.epoch = newest + 1;
  return Pins::make(maps_of(ours_));
}

SharedMaps::Place Generation::maps() const {
  if (!pins_) return {};
  return {.owner = pins_->owner(), .folder = maps_of(ours_)};
}

std::string Generation::maps_of(const PinnedSet& set) const {
  return pins_->folder_of(set) + "/" + kMaps;
}

std::string Generation::probe(std::string_view name) const {
  return fmt::format("{}/{}", pins_->folder_of(ours_), name);
}

Result<void> Generation::stop(const PinnedSet& set) const {
  const std::string folder = pins_->folder_of(set);
  for (const std::string& name : Pins::names(folder)) {
    if (name == kMaps) continue;
    if (auto removed = Pins::remove(folder + "/" + name); !removed) return removed;
  }
  return {};
}

Result<void> Generation::remove(const PinnedSet& set) const {
  return Pins::remove(pins_->folder_of(set));
}

}  // namespace idtrail
