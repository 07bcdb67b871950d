// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sensor.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>

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

bool is_wanted(const SensorOptions& options, std::string_view probe) {
  return options.only.empty() || std::ranges::find(options.only, probe) != options.only.end();
}

Result<void> check(const SensorOptions& options) {
  const auto page = static_cast<std::uint32_t>(sysconf(_SC_PAGESIZE));
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
  std::vector<ProbeStatus> statuses;
  Mapped losses;
  Mapped devices;
  KnownTable known;
  std::optional<Reader> reader;
  std::vector<Probe> probes;  // last: programs stop before their maps go

  explicit State(SharedMaps shared) : maps(std::move(shared)) {}

  Result<void> write_control(const SensorOptions& options, const KnownTable::Secret& secret) {
    const struct control settings {
      .agent_tgid = options.skip_tgid != 0 ? options.skip_tgid : static_cast<__u32>(getpid()),
      .host_mntns =
          options.host_mntns != 0 ? options.host_mntns : mount_namespace_of_first_process(),
      .quota = {options.quota.urgent, options.quota.bulk}, .reserved_quota = options.quota.reserved,
      .reserved = 0, .secret = {secret[0], secret[1]},
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

  /// In one piece: the programs read beside us.
  void judge(std::uint32_t device, const volume_verdict& verdict) {
    std::atomic_ref<__u64>(devices.as<device_row>()[device].verdict)
        .store(std::bit_cast<__u64>(verdict));
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
  auto maps = SharedMaps::create(options.ring_bytes);
  if (!maps) return maps.error();
  auto state = std::make_unique<State>(std::move(*maps));
  const auto secret = new_secret();
  if (!secret) return secret.error();
  if (auto written = state->write_control(options, *secret); !written) return written.error();
  state->losses = Mapped(state->maps.fd("losses"), sizeof(struct losses) * EVENT_KINDS, false);
  Mapped known(state->maps.fd("known"), sizeof(known_bucket) * KNOWN_BUCKETS, true);
  state->devices = Mapped(state->maps.fd("devices"), sizeof(struct device_row) * DEVICES_MAX, true);
  if (!state->losses || !state->devices || !known)
    return bpf_refused(errno, "share memory with the programs");
  state->known = KnownTable(std::move(known), *secret);
  auto reader = Reader::open(state->maps.fd("urgent"), state->maps.fd("bulk"));
  if (!reader) return reader.error();
  state->reader = std::move(*reader);
  if (auto loaded = state->load(options); !loaded) return loaded.error();
  return Sensor(std::move(state));
}

std::span<const ProbeStatus> Sensor::probes() const { return state_->statuses; }

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

std::uint64_t Sensor::missed_runs() const {
  std::uint64_t missed = 0;
  for (const Probe& probe : state_->probes) missed += probe.missed_runs();
  return missed;
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
