// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sensor.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include "agent/kernel/boot_clock.h"
#include "agent/kernel/pins.h"
#include "agent/kernel/preflight.h"
#include "agent/kernel/sensor_state.h"
#include "agent/kernel/shape.h"
#include "idtrail/owner.h"

namespace idtrail {
namespace {

constexpr std::uint32_t kRowsAtOnce = 64;  // bounds the copy of a batch

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

/// 0 where the kernel does not share the positions.
std::uint64_t bytes_in(const Mapped& positions) {
  if (!positions) return 0;
  const auto* at = positions.as<const volatile std::uint64_t>();
  const std::uint64_t consumed = at[0];
  const std::uint64_t produced = at[page_bytes() / sizeof(*at)];
  return produced > consumed ? produced - consumed : 0;
}

Result<void> check(const SensorOptions& options) {
  const auto page = static_cast<std::uint32_t>(page_bytes());
  if (!std::has_single_bit(options.ring_bytes) || options.ring_bytes < page) {
    return Error{Errc::kInvalid,
                 fmt::format("ring of {} bytes: must be a power of two, at least {}",
                             options.ring_bytes, page)};
  }
  for (const std::string& name : options.only) {
    if (std::ranges::none_of(probe_specs(), [&](const auto& spec) { return spec.name == name; })) {
      return Error{Errc::kInvalid, fmt::format("probe {}: there is none of that name", name)};
    }
  }
  return {};
}

}  // namespace

Sensor::Sensor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sensor::~Sensor() = default;
Sensor::Sensor(Sensor&& other) noexcept = default;
Sensor& Sensor::operator=(Sensor&& other) noexcept = default;

Result<Sensor> Sensor::open(const SensorOptions& options) {
  if (auto valid = check(options); !valid) return valid.error();
  if (auto able = preflight(); !able) return able.error();
  auto hierarchy = find_hierarchy("/proc", options.cgroup_root);
  if (!hierarchy) return hierarchy.error();
  Generation generation;
  if (!options.pins.empty()) {
    auto opened = Generation::open(options.pins, shape_of(options));
    if (!opened) return opened.error();
    generation = std::move(*opened);
  }
  auto maps = SharedMaps::create(options.ring_bytes, generation.maps());
  if (!maps) return maps.error();
  auto state =
      std::make_unique<State>(std::move(generation), std::move(*maps), std::move(*hierarchy));
  if (auto shared = state->share(options); !shared) return shared.error();
  if (auto loaded = state->load(options); !loaded) return loaded.error();
  if (auto begun = state->begin(options); !begun) return begun.error();
  return Sensor(std::move(state));
}

Result<void> Sensor::remove_pins(const std::string& folder) { return Pins::remove_all(folder); }

const Takeover& Sensor::takeover() const { return state_->takeover; }

void Sensor::beat() {
  struct owner& mine = *state_->owner.as<struct owner>();
  mine.losses = state_->lost();
  std::atomic_ref<__u64>(mine.alive_boot_ns).store(boot_clock_ns());
}

void Sensor::note_raised(std::uint64_t findings) {
  std::atomic_ref<__u64>(state_->owner.as<struct owner>()->raised).store(findings);
}

void Sensor::note_delivered(std::uint64_t findings) {
  std::atomic_ref<__u64>(state_->owner.as<struct owner>()->delivered).store(findings);
}

std::span<const ProbeStatus> Sensor::probes() const { return state_->statuses; }

const CgroupHierarchy& Sensor::hierarchy() const { return state_->hierarchy; }

std::size_t Sensor::poll(std::chrono::milliseconds timeout, const RecordFn& on_record) {
  std::size_t count = state_->drain(on_record);
  if (count == 0 && timeout.count() > 0) {
    state_->reader->wait(timeout);
    // Bulk records do not end the wait, so the time may be up with some of them there.
    count = state_->reader->drain(on_record);
  }
  return count;
}

int Sensor::urgent_fd() const { return state_->reader->urgent_fd(); }

int Sensor::bulk_fd() const { return state_->reader->bulk_fd(); }

Sensor::Waiting Sensor::waiting() const {
  return {.urgent = bytes_in(state_->positions[RING_URGENT]),
          .bulk = bytes_in(state_->positions[RING_BULK])};
}

std::vector<KindLosses> Sensor::losses() const {
  std::vector<KindLosses> totals(EVENT_KINDS);
  for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
    const volatile struct losses& one = state_->losses.as<const struct losses>()[kind];
    totals[kind] = {.limited = one.limited, .dropped = one.dropped};
  }
  return totals;
}

SyscallCounts Sensor::syscall_counts() const {
  const volatile auto& counts = *state_->syscall_counts.as<const struct syscall_counts>();
  return {.larger = counts.larger, .evicted = counts.evicted};
}

Result<void> Sensor::books(const std::function<void(const CgroupBooks&)>& each) const {
  std::vector<std::uint64_t> keys(kRowsAtOnce);
  std::vector<cgroup_row> rows(kRowsAtOnce);
  std::uint32_t position = 0;
  bool first = true;
  while (true) {
    std::uint32_t count = kRowsAtOnce;
    const int failed = bpf_map_lookup_batch(state_->maps.fd("cgroups"), first ? nullptr : &position,
                                            &position, keys.data(), rows.data(), &count, nullptr);
    const bool last = failed != 0 && errno == ENOENT;
    if (failed != 0 && !last) {
      return Error{Errc::kInternal, fmt::format("read the books: {}", std::strerror(errno))};
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      each(state_->books_of(keys[i], rows[i]));
    }
    if (last) return {};
    first = false;
  }
}

Result<void> Sensor::open_books(std::uint64_t cgroup_id) { return state_->open_books(cgroup_id); }

void Sensor::close_books(std::uint64_t cgroup_id) {
  state_->inherited.erase(cgroup_id);
  bpf_map_delete_elem(state_->maps.fd("cgroups"), &cgroup_id);
}

KnownTable& Sensor::known() { return state_->known; }

bool Sensor::walk() {
  // Ended first: what begins and ends in between is not taken for nothing.
  const auto& flows = *state_->flow_counts.as<const struct flow_counts>();
  const __u64 ended = __atomic_load_n(&flows.ended, __ATOMIC_ACQUIRE);
  if (__atomic_load_n(&flows.begun, __ATOMIC_ACQUIRE) == ended) return true;
  bool done = true;
  for (const Probe& probe : state_->probes) done = probe.walk() && done;
  return done;
}

std::vector<MissedRuns> Sensor::missed_runs_by_hook() const {
  std::vector<MissedRuns> each;
  for (const Probe& probe : state_->probes) {
    each.push_back({.hook = probe.hook(), .count = probe.missed_runs()});
  }
  return each;
}

std::uint64_t Sensor::missed_runs() const {
  std::uint64_t missed = 0;
  for (const MissedRuns& one : missed_runs_by_hook()) missed += one.count;
  return missed;
}

std::vector<SensorDamage> Sensor::damages() {
  std::vector<SensorDamage> damages;
  for (const Probe& probe : state_->probes) {
    if (probe.stands()) continue;
    damages.push_back({.probe = true, .name = probe.hook(), .what = "is not attached any more"});
  }
  state_->look_at_settings(damages);
  state_->look_at_volumes(damages);
  return damages;
}

Result<void> Sensor::set_volume(std::uint32_t device, volume_kind kind, std::uint32_t generation) {
  if (device >= DEVICES_MAX) {
    return Error{Errc::kExhausted,
                 fmt::format("keep the verdict on device {}:{}: its number is too large",
                             device >> 20U, device & 0xfffffU)};
  }
  state_->judge(device, {.kind = static_cast<__u32>(kind), .generation = generation});
  return {};
}

Result<void> Sensor::forget_volume(std::uint32_t device) {
  if (device < DEVICES_MAX) state_->judge(device, {});
  return {};
}

std::uint32_t Sensor::volume_generation(std::uint32_t device) const {
  if (device >= DEVICES_MAX) return 0;
  return std::atomic_ref<__u32>(state_->devices.as<device_row>()[device].generation).load();
}

}  // namespace idtrail
