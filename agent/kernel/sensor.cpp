// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sensor.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_map>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kernel/boot_clock.h"
#include "agent/kernel/former_set.h"
#include "agent/kernel/generation.h"
#include "agent/kernel/handles.h"
#include "agent/kernel/kernel_types.h"
#include "agent/kernel/preflight.h"
#include "agent/kernel/probe.h"
#include "agent/kernel/reader.h"
#include "agent/kernel/shape.h"
#include "agent/kernel/shared_maps.h"
#include "idtrail/owner.h"

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
  Generation generation;  // first: its lock outlasts everything
  SharedMaps maps;
  std::vector<ProbeStatus> statuses;
  Mapped losses;
  Mapped owner;
  KnownTable known;
  std::optional<Reader> reader;
  Takeover takeover;
  std::vector<FormerSet> former;
  std::unordered_map<std::uint64_t, cgroup_row> inherited;  // books of former sets, by cgroup
  std::vector<Probe> probes;  // last: programs stop before their maps go

  State(Generation ours, SharedMaps shared)
      : generation(std::move(ours)), maps(std::move(shared)) {}
  ~State() {
    // The number may be another process's while no agent runs.
    struct control settings {};
    const int map = maps.fd("control");
    if (!generation.outlives_agent() || bpf_map_lookup_elem(map, &kOnlyKey, &settings) != 0) return;
    settings.agent_tgid = 0;
    bpf_map_update_elem(map, &kOnlyKey, &settings, BPF_ANY);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<void> write_control(const SensorOptions& options, const KnownTable::Secret& secret) {
    const struct control settings {
      .agent_tgid = options.skip_tgid != 0 ? options.skip_tgid : static_cast<__u32>(getpid()),
      .host_mntns =
          options.host_mntns != 0 ? options.host_mntns : mount_namespace_of_first_process(),
      .quota = {options.quota.urgent, options.quota.bulk}, .reserved_quota = options.quota.reserved,
      .epoch = generation.epoch(), .secret = {secret[0], secret[1]},
    };
    if (bpf_map_update_elem(maps.fd("control"), &kOnlyKey, &settings, BPF_ANY) != 0) {
      return bpf_refused(errno, "write the settings map");
    }
    return open_books(kOfTheRest);
  }

  /// The memory that is shared with the programs. Verdicts of another agent go: what they were on
  /// only that one knew.
  Result<void> share(const SensorOptions& options) {
    const auto secret = new_secret();
    if (!secret) return secret.error();
    losses = Mapped(maps.fd("losses"), sizeof(struct losses) * EVENT_KINDS, false);
    owner = Mapped(maps.fd("owner"), sizeof(struct owner), true);
    Mapped table(maps.fd("known"), sizeof(known_bucket) * KNOWN_BUCKETS, true);
    if (!losses || !owner || !table) return bpf_refused(errno, "share memory with the programs");
    if (generation.taken_over()) {
      std::memset(table.as<void>(), 0, sizeof(known_bucket) * KNOWN_BUCKETS);
    }
    if (auto written = write_control(options, *secret); !written) return written;
    known = KnownTable(std::move(table), *secret);
    auto opened = Reader::open(maps.fd("urgent"), maps.fd("bulk"));
    if (!opened) return opened.error();
    reader = std::move(*opened);
    return {};
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

  /// The probe as an agent before us left it, else loaded anew.
  Result<Probe> find_or_load(const ProbeSpec& spec, const SensorOptions& options,
                             std::optional<KernelTypes>& types) {
    const bool keeps = generation.outlives_agent();
    if (keeps) {
      if (auto found = Probe::find(generation.probe(spec.name))) return std::move(*found);
    }
    if (!types) {
      auto read = read_types(options);
      if (!read) return read.error();
      types = std::move(*read);
    }
    auto probe = Probe::load(spec, {.maps = maps, .types = *types, .avoid = options.avoid});
    // One that the kernel cannot keep runs all the same; its status says so.
    if (probe && keeps) (void)probe->keep(generation.probe(spec.name));
    return probe;
  }

  static Result<KernelTypes> read_types(const SensorOptions& options) {
    std::vector<BpfObject> objects;
    for (const ProbeSpec& spec : probe_specs()) {
      if (!is_wanted(options, spec.name)) continue;
      auto object = open_object(spec, nullptr);
      if (!object) return object.error();
      objects.push_back(std::move(*object));
    }
    return KernelTypes::read(objects);
  }

  Result<void> load(const SensorOptions& options) {
    std::string refusals;
    std::optional<KernelTypes> types;
    for (const ProbeSpec& spec : probe_specs()) {
      if (!is_wanted(options, spec.name)) continue;
      ProbeStatus& status =
          statuses.emplace_back(ProbeStatus{.name = spec.name, .kind = spec.kind});
      Result<Probe> probe = find_or_load(spec, options, types);
      if (!probe) {
        status.error = probe.error().message;
        refusals += "\n  " + status.error;
        continue;
      }
      status.hook = probe->hook();
      status.verified_insns = probe->verified_insns();
      status.kept = probe->kept();
      probes.push_back(std::move(*probe));
    }
    if (!probes.empty()) return {};
    return Error{Errc::kUnsupported, "load kernel probes: every one was refused:" + refusals};
  }

  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t sum = 0;
    for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
      const volatile struct losses& one = losses.as<const struct losses>()[kind];
      sum += one.limited + one.dropped;
    }
    return sum;
  }

  /// From here on our set reports, and no other does.
  Result<void> begin(const SensorOptions& options) {
    struct owner& mine = *owner.as<struct owner>();
    for (const PinnedSet& set : generation.former()) {
      former.emplace_back(generation.maps_of(set), set.wire == IDTRAIL_WIRE_CONTRACT);
      // Before the first event goes on them.
      former.back().books([this](auto cgroup, const auto& /*row*/) { (void)open_books(cgroup); });
    }
    const std::uint64_t now = boot_clock_ns();
    takeover = {
        .found = mine.epoch != 0, .alive_boot_ns = mine.alive_boot_ns, .until_boot_ns = now};
    takeover.handed_again = reader->handed_again();
    const std::uint64_t before = mine.losses;
    mine.patience_ns = static_cast<__u64>(options.patience.count());
    mine.alive_boot_ns = now;
    std::atomic_ref<__u64>(mine.epoch).store(generation.epoch());
    takeover.unattended = std::atomic_ref<__u64>(mine.unattended).exchange(0);
    std::uint64_t after = generation.taken_over() ? lost() : 0;
    for (std::size_t i = 0; i < former.size(); ++i) {
      if (auto stopped = generation.stop(generation.former()[i]); !stopped) return stopped;
      after += former[i].losses();
      takeover.unreadable += former[i].count_unreadable();
      takeover.handed_again += former[i].handed_again();
      former[i].books([this](auto cgroup, const auto& row) { inherit(cgroup, row); });
    }
    takeover.lost = after > before ? after - before : 0;
    mine.losses = lost();
    return {};
  }

  void inherit(std::uint64_t cgroup, const cgroup_row& row) {
    (void)open_books(cgroup);  // where there is no room the books of the rest take it
    cgroup_row& sum = inherited[cgroup];
    sum.removed |= row.removed;
    for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
      for (int outcome = 0; outcome < OUTCOMES; ++outcome) {
        sum.counts[kind][outcome] += row.counts[kind][outcome];
      }
    }
  }

  /// What former sets still hold comes before anything of ours.
  std::size_t drain(const RecordFn& on_record) {
    std::size_t count = 0;
    for (FormerSet& set : former) count += set.drain(on_record);
    if (!former.empty()) {
      for (const PinnedSet& set : generation.former()) (void)generation.remove(set);
      former.clear();
    }
    return count + reader->drain(on_record);
  }

  CgroupBooks books_of(std::uint64_t cgroup, const cgroup_row& row) const {
    CgroupBooks books{.cgroup_id = cgroup, .removed = row.removed != 0};
    std::memcpy(books.counts.data(), row.counts, sizeof(row.counts));
    const auto found = inherited.find(cgroup);
    if (found == inherited.end()) return books;
    books.removed = books.removed || found->second.removed != 0;
    for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
      for (int outcome = 0; outcome < OUTCOMES; ++outcome) {
        books.counts[kind][static_cast<std::size_t>(outcome)] +=
            found->second.counts[kind][outcome];
      }
    }
    return books;
  }
};

Sensor::Sensor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sensor::~Sensor() = default;
Sensor::Sensor(Sensor&& other) noexcept = default;
Sensor& Sensor::operator=(Sensor&& other) noexcept = default;

Result<Sensor> Sensor::open(const SensorOptions& options) {
  if (auto valid = check(options); !valid) return valid.error();
  if (auto able = preflight(); !able) return able.error();
  Generation generation;
  if (!options.pins.empty()) {
    auto opened = Generation::open(options.pins, shape_of(options));
    if (!opened) return opened.error();
    generation = std::move(*opened);
  }
  auto maps = SharedMaps::create(options.ring_bytes, generation.maps());
  if (!maps) return maps.error();
  auto state = std::make_unique<State>(std::move(generation), std::move(*maps));
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

std::span<const ProbeStatus> Sensor::probes() const { return state_->statuses; }

std::size_t Sensor::poll(std::chrono::milliseconds timeout, const RecordFn& on_record) {
  std::size_t count = state_->drain(on_record);
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
