// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sensor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kernel/handles.h"
#include "agent/kernel/preflight.h"
#include "agent/kernel/probe.h"
#include "agent/kernel/reader.h"
#include "agent/kernel/shared_maps.h"

namespace idtrail {
namespace {

constexpr std::uint32_t kOnlyKey = 0;
constexpr std::uint64_t kOfTheRest = 0;    // key of the row of cgroups that have none
constexpr std::uint32_t kRowsAtOnce = 64;  // bounds the copy of a batch

std::uint32_t mount_namespace_of_first_process() {
  struct stat status {};
  if (stat("/proc/1/ns/mnt", &status) != 0) return 0;
  return static_cast<std::uint32_t>(status.st_ino);
}

std::uint32_t container_cgroup_of(const CgroupHierarchy& hierarchy) {
  if (hierarchy.controller.empty()) return CGROUP_UNIFIED;
  return hierarchy.controller == "pids" ? CGROUP_OF_PIDS : CGROUP_OF_MEMORY;
}

bool is_wanted(const SensorOptions& options, std::string_view probe) {
  return options.only.empty() || std::ranges::find(options.only, probe) != options.only.end();
}

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

Result<KnownTable::Secret> new_secret() {
  KnownTable::Secret secret{};
  if (getrandom(secret.data(), sizeof(secret), 0) == static_cast<ssize_t>(sizeof(secret))) {
    return secret;
  }
  return Error{Errc::kInternal, fmt::format("make a secret: {}", std::strerror(errno))};
}

}  // namespace

struct Sensor::State {
  SharedMaps maps;
  CgroupHierarchy hierarchy;
  std::vector<ProbeStatus> statuses;
  Mapped losses;
  struct control settings {};                                  // as we wrote it
  std::unordered_map<std::uint32_t, volume_verdict> verdicts;  // likewise, by device
  KnownTable known;
  std::array<Mapped, RINGS> positions;  // of consumer and producer, a page each
  std::optional<Reader> reader;
  std::vector<Probe> probes;  // last: programs stop before their maps go

  State(SharedMaps shared, CgroupHierarchy named)
      : maps(std::move(shared)), hierarchy(std::move(named)) {}

  Result<void> write_control(const SensorOptions& options, const KnownTable::Secret& secret) {
    settings = {
        .agent_tgid = options.skip_tgid != 0 ? options.skip_tgid : static_cast<__u32>(getpid()),
        .host_mntns =
            options.host_mntns != 0 ? options.host_mntns : mount_namespace_of_first_process(),
        .quota = {options.quota.urgent, options.quota.bulk},
        .reserved_quota = options.quota.reserved,
        .container_cgroup = container_cgroup_of(hierarchy),
        .hierarchy = hierarchy.id,
        .stacks = options.stacks ? 1U : 0U,
        .secret = {secret[0], secret[1]},
    };
    if (bpf_map_update_elem(maps.fd("control"), &kOnlyKey, &settings, BPF_ANY) != 0) {
      return bpf_refused(errno, "write the settings map");
    }
    return open_books(kOfTheRest);
  }

  Result<void> open_books(std::uint64_t cgroup_id) {
    const cgroup_row empty{};
    if (bpf_map_update_elem(maps.fd("cgroups"), &cgroup_id, &empty, BPF_NOEXIST) == 0 ||
        errno == EEXIST) {
      return {};
    }
    const Errc code = errno == E2BIG ? Errc::kExhausted : Errc::kInternal;
    return Error{code,
                 fmt::format("open the books of cgroup {}: {}", cgroup_id, std::strerror(errno))};
  }

  void look_at_settings(std::vector<SensorDamage>& damages) const {
    struct control now {};
    if (bpf_map_lookup_elem(maps.fd("control"), &kOnlyKey, &now) == 0 &&
        std::memcmp(&now, &settings, sizeof(now)) == 0) {
      return;
    }
    damages.push_back({.name = "control", .what = "the settings are not those that we wrote"});
  }

  /// The mount probe takes verdicts away; nobody but us may add or turn one.
  void look_at_volumes(std::vector<SensorDamage>& damages) const {
    std::uint32_t device = 0;
    const std::uint32_t* from = nullptr;
    for (int i = 0; i < VOLUMES_MAX; ++i, from = &device) {
      if (bpf_map_get_next_key(maps.fd("volumes"), from, &device) != 0) return;
      volume_verdict now{};
      if (bpf_map_lookup_elem(maps.fd("volumes"), &device, &now) != 0) continue;
      const auto ours = verdicts.find(device);
      if (ours != verdicts.end() && std::memcmp(&now, &ours->second, sizeof(now)) == 0) continue;
      damages.push_back({.name = "volumes",
                         .what = fmt::format("the verdict on device {}:{} is not ours",
                                             device >> 20U, device & 0xfffffU)});
    }
  }

  Result<void> load(const SensorOptions& options) {
    std::string refusals;
    for (const ProbeSpec& spec : probe_specs()) {
      if (!is_wanted(options, spec.name)) continue;
      ProbeStatus& status =
          statuses.emplace_back(ProbeStatus{.name = spec.name, .kind = spec.kind});
      Result<Probe> probe = Probe::load(spec, maps, options.avoid);
      if (!probe) {
        status.error = probe.error().message;
        refusals += "\n  " + status.error;
        continue;
      }
      status.hook = probe->hook();
      status.verified_insns = probe->verified_insns();
      probes.push_back(std::move(*probe));
    }
    if (!probes.empty()) return {};
    return Error{Errc::kUnsupported, "load kernel probes: every one was refused:" + refusals};
  }
};

Sensor::Sensor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sensor::~Sensor() = default;
Sensor::Sensor(Sensor&& other) noexcept = default;
Sensor& Sensor::operator=(Sensor&& other) noexcept = default;

Result<Sensor> Sensor::open(const SensorOptions& options) {
  if (auto valid = check(options); !valid) return valid.error();
  if (auto able = preflight(); !able) return able.error();
  auto hierarchy = find_hierarchy("/proc", options.cgroup_root);
  if (!hierarchy) return hierarchy.error();
  auto maps = SharedMaps::create(options.ring_bytes);
  if (!maps) return maps.error();
  auto state = std::make_unique<State>(std::move(*maps), std::move(*hierarchy));
  const auto secret = new_secret();
  if (!secret) return secret.error();
  if (auto written = state->write_control(options, *secret); !written) return written.error();
  state->losses = Mapped(state->maps.fd("losses"), sizeof(struct losses) * EVENT_KINDS, false);
  Mapped known(state->maps.fd("known"), sizeof(known_bucket) * KNOWN_BUCKETS, true);
  if (!state->losses || !known) return bpf_refused(errno, "share memory with the programs");
  state->known = KnownTable(std::move(known), *secret);
  for (const auto& [ring, name] : {std::pair{RING_URGENT, "urgent"}, {RING_BULK, "bulk"}}) {
    state->positions[ring] = Mapped(state->maps.fd(name), 2 * page_bytes(), false);
  }
  auto reader = Reader::open(state->maps.fd("urgent"), state->maps.fd("bulk"));
  if (!reader) return reader.error();
  state->reader = std::move(*reader);
  if (auto loaded = state->load(options); !loaded) return loaded.error();
  return Sensor(std::move(state));
}

std::span<const ProbeStatus> Sensor::probes() const { return state_->statuses; }

const CgroupHierarchy& Sensor::hierarchy() const { return state_->hierarchy; }

std::size_t Sensor::poll(std::chrono::milliseconds timeout, const RecordFn& on_record) {
  std::size_t count = state_->reader->drain(on_record);
  if (count == 0 && timeout.count() > 0) {
    state_->reader->wait(timeout);
    // Bulk records wake nobody, so the time may be up with some of them waiting.
    count = state_->reader->drain(on_record);
  }
  return count;
}

int Sensor::epoll_fd() const { return state_->reader->epoll_fd(); }

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
      CgroupBooks books{.cgroup_id = keys[i], .removed = rows[i].removed != 0};
      std::memcpy(books.counts.data(), rows[i].counts, sizeof(rows[i].counts));
      each(books);
    }
    if (last) return {};
    first = false;
  }
}

Result<void> Sensor::open_books(std::uint64_t cgroup_id) { return state_->open_books(cgroup_id); }

void Sensor::close_books(std::uint64_t cgroup_id) {
  bpf_map_delete_elem(state_->maps.fd("cgroups"), &cgroup_id);
}

KnownTable& Sensor::known() { return state_->known; }

bool Sensor::walk() {
  bool done = true;
  for (const Probe& probe : state_->probes) done = probe.walk() && done;
  return done;
}

std::uint64_t Sensor::missed_runs() const {
  std::uint64_t missed = 0;
  for (const Probe& probe : state_->probes) missed += probe.missed_runs();
  return missed;
}

std::vector<SensorDamage> Sensor::damages() const {
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
  const volume_verdict verdict{.kind = static_cast<__u32>(kind), .generation = generation};
  if (bpf_map_update_elem(state_->maps.fd("volumes"), &device, &verdict, BPF_ANY) == 0) {
    state_->verdicts[device] = verdict;
    return {};
  }
  const Errc code = errno == E2BIG ? Errc::kExhausted : Errc::kInternal;
  return Error{code, fmt::format("keep the verdict on device {}:{}: {}", device >> 20U,
                                 device & 0xfffffU, std::strerror(errno))};
}

Result<void> Sensor::forget_volume(std::uint32_t device) {
  state_->verdicts.erase(device);
  if (bpf_map_delete_elem(state_->maps.fd("volumes"), &device) == 0 || errno == ENOENT) return {};
  return Error{Errc::kInternal, fmt::format("drop the verdict on device {}:{}: {}", device >> 20U,
                                            device & 0xfffffU, std::strerror(errno))};
}

std::uint32_t Sensor::volume_generation(std::uint32_t device) const {
  std::uint32_t generation = 0;
  bpf_map_lookup_elem(state_->maps.fd("generations"), &device, &generation);
  return generation;
}

}  // namespace idtrail
