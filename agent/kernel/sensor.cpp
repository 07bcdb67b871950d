// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sensor.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <optional>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kernel/handles.h"
#include "agent/kernel/preflight.h"
#include "agent/kernel/probe.h"
#include "agent/kernel/shared_maps.h"

namespace idtrail {
namespace {

constexpr std::uint32_t kOnlyKey = 0;

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

int hand_over(void* context, void* record, std::size_t size) {
  const auto& on_record = *static_cast<const Sensor::RecordFn* const*>(context);
  (*on_record)({static_cast<const std::byte*>(record), size});
  return 0;
}

}  // namespace

struct Sensor::State {
  SharedMaps maps;
  std::vector<ProbeStatus> statuses;
  const RecordFn* on_record = nullptr;  // of the poll() that runs
  RingBuffer ring;
  std::vector<Probe> probes;  // last: programs stop before their maps go

  explicit State(SharedMaps shared) : maps(std::move(shared)) {}

  Result<void> write_control(const SensorOptions& options) {
    const struct control settings {
      .agent_tgid = options.skip_tgid != 0 ? options.skip_tgid : static_cast<__u32>(getpid()),
      .host_mntns =
          options.host_mntns != 0 ? options.host_mntns : mount_namespace_of_first_process(),
    };
    if (bpf_map_update_elem(maps.fd("control"), &kOnlyKey, &settings, BPF_ANY) == 0) return {};
    return bpf_refused(errno, "write the settings map");
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
  if (auto written = state->write_control(options); !written) return written.error();
  state->ring.reset(
      ring_buffer__new(state->maps.fd("events"), hand_over, &state->on_record, nullptr));
  if (!state->ring) return bpf_refused(errno, "map the ring of records");
  if (auto loaded = state->load(options); !loaded) return loaded.error();
  return Sensor(std::move(state));
}

std::span<const ProbeStatus> Sensor::probes() const { return state_->statuses; }

Result<std::size_t> Sensor::poll(std::chrono::milliseconds timeout, const RecordFn& on_record) {
  state_->on_record = &on_record;
  int count = ring_buffer__consume(state_->ring.get());
  if (count == 0) {
    count = ring_buffer__poll(state_->ring.get(), static_cast<int>(timeout.count()));
    if (count == -EINTR) count = 0;
    // Bulk records wake nobody, so the time may be up with some of them waiting.
    if (count == 0) count = ring_buffer__consume(state_->ring.get());
  }
  if (count < 0) {
    return Error{Errc::kInternal, fmt::format("read the ring: {}", std::strerror(-count))};
  }
  return static_cast<std::size_t>(count);
}

int Sensor::epoll_fd() const { return ring_buffer__epoll_fd(state_->ring.get()); }

std::vector<std::uint64_t> Sensor::drops() const {
  std::vector<std::uint64_t> totals(EVENT_KINDS);
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
    if (bpf_map_lookup_elem(state_->maps.fd("drops"), &kind, per_cpu.data()) != 0) continue;
    totals[kind] = std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0});
  }
  return totals;
}

std::uint64_t Sensor::missed_runs() const {
  std::uint64_t missed = 0;
  for (const Probe& probe : state_->probes) missed += probe.missed_runs();
  return missed;
}

Result<void> Sensor::set_volume(std::uint32_t device, volume_kind kind, std::uint32_t generation) {
  const volume_verdict verdict{.kind = static_cast<__u32>(kind), .generation = generation};
  if (bpf_map_update_elem(state_->maps.fd("volumes"), &device, &verdict, BPF_ANY) == 0) return {};
  const Errc code = errno == E2BIG ? Errc::kExhausted : Errc::kInternal;
  return Error{code, fmt::format("keep the verdict on device {}:{}: {}", device >> 20U,
                                 device & 0xfffffU, std::strerror(errno))};
}

Result<void> Sensor::forget_volume(std::uint32_t device) {
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
