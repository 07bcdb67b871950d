// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sensor_state.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kernel/boot_clock.h"
#include "agent/kernel/preflight.h"
#include "idtrail/owner.h"

namespace idtrail {
namespace {

constexpr std::uint32_t kOnlyKey = 0;
constexpr std::uint64_t kOfTheRest = 0;                 // key of the row of cgroups that have none
constexpr std::uint32_t kRowsAtOnce = DEVICES_MAX / 8;  // of a table that is nearly all empty
static_assert(DEVICES_MAX % kRowsAtOnce == 0);
constexpr std::string_view kFlow = "flow";

std::uint32_t mount_namespace_of_first_process() {
  struct stat status {};
  if (stat("/proc/1/ns/mnt", &status) != 0) return 0;
  return static_cast<std::uint32_t>(status.st_ino);
}

bool is_wanted(const SensorOptions& options, std::string_view probe) {
  if (options.only.empty()) return options.syscalls || probe != kOffByDefault;
  return std::ranges::find(options.only, probe) != options.only.end();
}

std::uint32_t container_cgroup_of(const CgroupHierarchy& hierarchy) {
  if (hierarchy.controller.empty()) return CGROUP_UNIFIED;
  return hierarchy.controller == "pids" ? CGROUP_OF_PIDS : CGROUP_OF_MEMORY;
}

__u64 verdict_in(const device_row& row) { return __atomic_load_n(&row.verdict, __ATOMIC_RELAXED); }

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

Result<KnownTable::Secret> new_secret() {
  KnownTable::Secret secret{};
  if (getrandom(secret.data(), sizeof(secret), 0) == static_cast<ssize_t>(sizeof(secret))) {
    return secret;
  }
  return Error{Errc::kInternal, fmt::format("make a secret: {}", std::strerror(errno))};
}

Result<KernelTypes> read_types(const SensorOptions& options) {
  std::vector<BpfObject> objects;
  for (const ProbeSpec& spec : probe_specs()) {
    if (!is_wanted(options, spec.name)) continue;
    auto object = open_object(spec, nullptr);
    if (!object) return object.error();
    objects.push_back(std::move(*object));
  }
  return KernelTypes::read(objects);
}

}  // namespace

Sensor::State::State(Generation ours, SharedMaps shared, CgroupHierarchy named)
    : generation(std::move(ours)), maps(std::move(shared)), hierarchy(std::move(named)) {}

Sensor::State::~State() {
  // The number may be another process's while no agent runs.
  if (!generation.outlives_agent()) return;
  settings.agent_tgid = 0;
  bpf_map_update_elem(maps.fd("control"), &kOnlyKey, &settings, BPF_EXIST);
}

Result<void> Sensor::State::write_control(const SensorOptions& options,
                                          const KnownTable::Secret& secret) {
  settings = {
      .agent_tgid = options.skip_tgid != 0 ? options.skip_tgid : static_cast<__u32>(getpid()),
      .host_mntns =
          options.host_mntns != 0 ? options.host_mntns : mount_namespace_of_first_process(),
      .quota = {options.quota.urgent, options.quota.bulk},
      .reserved_quota = options.quota.reserved,
      .container_cgroup = container_cgroup_of(hierarchy),
      .hierarchy = hierarchy.id,
      .stacks = options.stacks ? 1U : 0U,
      .epoch = generation.epoch(),
      .follows_flows = is_wanted(options, kFlow) ? 1U : 0U,
      .secret = {secret[0], secret[1]},
  };
  if (bpf_map_update_elem(maps.fd("control"), &kOnlyKey, &settings, BPF_ANY) != 0) {
    return bpf_refused(errno, "write the settings map");
  }
  return open_books(kOfTheRest);
}

void Sensor::State::follow_no_flows() {
  settings.follows_flows = 0;
  bpf_map_update_elem(maps.fd("control"), &kOnlyKey, &settings, BPF_EXIST);
}

void Sensor::State::judge(std::uint32_t device, const volume_verdict& verdict) {
  const auto whole = std::bit_cast<__u64>(verdict);
  std::atomic_ref<__u64>(devices.as<device_row>()[device].verdict).store(whole);
  if (whole == 0) {
    verdicts.erase(device);
  } else {
    verdicts[device] = whole;
  }
}

/// Those on volumes too: while no agent ran, anybody could have written them. What was counted with
/// the others and nobody has harvested is on no cgroup's books any more.
void Sensor::State::forget_verdicts(known_bucket* table) {
  takeover.unharvested = pending_hits(table);
  std::memset(table, 0, sizeof(known_bucket) * KNOWN_BUCKETS);
  for (std::uint32_t device = 0; device < DEVICES_MAX; ++device) judge(device, {});
}

Result<void> Sensor::State::share(const SensorOptions& options) {
  const auto secret = new_secret();
  if (!secret) return secret.error();
  losses = Mapped(maps.fd("losses"), sizeof(struct losses) * EVENT_KINDS, false);
  flow_counts = Mapped(maps.fd("flow_counts"), sizeof(struct flow_counts), false);
  syscall_counts = Mapped(maps.fd("syscall_counts"), sizeof(struct syscall_counts), false);
  owner = Mapped(maps.fd("owner"), sizeof(struct owner), true);
  Mapped table(maps.fd("known"), sizeof(known_bucket) * KNOWN_BUCKETS, true);
  devices = Mapped(maps.fd("devices"), sizeof(struct device_row) * DEVICES_MAX, true);
  if (!losses || !flow_counts || !syscall_counts || !owner || !devices || !table) {
    return bpf_refused(errno, "share memory with the programs");
  }
  if (generation.taken_over()) forget_verdicts(table.as<known_bucket>());
  if (auto written = write_control(options, *secret); !written) return written;
  known = KnownTable(std::move(table), *secret);
  for (const auto& [ring, name] : {std::pair{RING_URGENT, "urgent"}, {RING_BULK, "bulk"}}) {
    positions[ring] = Mapped(maps.fd(name), 2 * page_bytes(), false);
  }
  auto opened = Reader::open(maps.fd("urgent"), maps.fd("bulk"));
  if (!opened) return opened.error();
  reader = std::move(*opened);
  return {};
}

Result<void> Sensor::State::open_books(std::uint64_t cgroup_id) {
  cgroup_row fresh{};
  fresh.has_first = 1;  // nobody saw it made, so its first process may have been there long
  if (bpf_map_update_elem(maps.fd("cgroups"), &cgroup_id, &fresh, BPF_NOEXIST) == 0 ||
      errno == EEXIST) {
    return {};
  }
  const Errc code = errno == E2BIG ? Errc::kExhausted : Errc::kInternal;
  return Error{code,
               fmt::format("open the books of cgroup {}: {}", cgroup_id, std::strerror(errno))};
}

/// The probe as an agent before us left it, else loaded anew.
Result<Probe> Sensor::State::find_or_load(const ProbeSpec& spec, const SensorOptions& options,
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

Result<void> Sensor::State::load(const SensorOptions& options) {
  std::string refusals;
  std::optional<KernelTypes> types;
  for (const ProbeSpec& spec : probe_specs()) {
    if (!is_wanted(options, spec.name)) continue;
    ProbeStatus& status = statuses.emplace_back(ProbeStatus{.name = spec.name, .kind = spec.kind});
    Result<Probe> probe = find_or_load(spec, options, types);
    if (!probe) {
      status.error = probe.error().message;
      refusals += "\n  " + status.error;
      if (spec.name == kFlow) follow_no_flows();
      continue;
    }
    status.hook = probe->hook();
    status.verified_insns = probe->verified_insns();
    status.kept = probe->kept();
    probes.push_back(std::move(*probe));
  }
  let_objects_go();
  if (!probes.empty()) return {};
  return Error{Errc::kUnsupported, "load kernel probes: every one was refused:" + refusals};
}

std::uint64_t Sensor::State::lost() const {
  std::uint64_t sum = 0;
  for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
    const volatile struct losses& one = losses.as<const struct losses>()[kind];
    sum += one.limited + one.dropped;
  }
  return sum;
}

Result<void> Sensor::State::begin(const SensorOptions& options) {
  struct owner& mine = *owner.as<struct owner>();
  for (const PinnedSet& set : generation.former()) {
    former.emplace_back(generation.maps_of(set), set.wire == IDTRAIL_WIRE_CONTRACT);
    // Before the first event goes on them.
    former.back().books([this](auto cgroup, const auto& /*row*/) { (void)open_books(cgroup); });
  }
  if (options.standing) {
    for (const std::uint64_t cgroup : options.standing(hierarchy.root)) (void)open_books(cgroup);
  }
  const std::uint64_t now = boot_clock_ns();
  takeover.found = mine.epoch != 0;
  takeover.alive_boot_ns = mine.alive_boot_ns;
  takeover.until_boot_ns = now;
  takeover.handed_again = reader->handed_again();
  takeover.undelivered = mine.raised - std::min(mine.raised, mine.delivered);
  mine.raised = mine.delivered = 0;
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
    takeover.unharvested += former[i].unharvested();
    former[i].books([this](auto cgroup, const auto& row) { inherit(cgroup, row); });
  }
  takeover.lost = after > before ? after - before : 0;
  mine.losses = lost();
  return {};
}

void Sensor::State::inherit(std::uint64_t cgroup, const cgroup_row& row) {
  (void)open_books(cgroup);  // where there is no room the books of the rest take it
  cgroup_row& sum = inherited[cgroup];
  sum.removed |= row.removed;
  for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
    for (int outcome = 0; outcome < OUTCOMES; ++outcome) {
      sum.counts[kind][outcome] += row.counts[kind][outcome];
    }
  }
}

std::size_t Sensor::State::drain(const RecordFn& on_record) {
  std::size_t count = 0;
  for (FormerSet& set : former) count += set.drain(on_record);
  if (!former.empty()) {
    for (const PinnedSet& set : generation.former()) (void)generation.remove(set);
    former.clear();
  }
  return count + reader->drain(on_record);
}

CgroupBooks Sensor::State::books_of(std::uint64_t cgroup, const cgroup_row& row) const {
  CgroupBooks books{.cgroup_id = cgroup, .removed = row.removed != 0};
  std::memcpy(books.counts.data(), row.counts, sizeof(row.counts));
  const auto found = inherited.find(cgroup);
  if (found == inherited.end()) return books;
  books.removed = books.removed || found->second.removed != 0;
  for (std::uint32_t kind = 0; kind < EVENT_KINDS; ++kind) {
    for (int outcome = 0; outcome < OUTCOMES; ++outcome) {
      books.counts[kind][static_cast<std::size_t>(outcome)] += found->second.counts[kind][outcome];
    }
  }
  return books;
}

void Sensor::State::look_at_settings(std::vector<SensorDamage>& damages) const {
  struct control now {};
  if (bpf_map_lookup_elem(maps.fd("control"), &kOnlyKey, &now) == 0 &&
      std::memcmp(&now, &settings, sizeof(now)) == 0) {
    return;
  }
  damages.push_back({.name = "control", .what = "the settings are not those that we wrote"});
}

__u64 Sensor::State::verdict_on(std::uint32_t device) const {
  return verdict_in(devices.as<device_row>()[device]);
}

void Sensor::State::look_for_forged() {
  const std::uint32_t end = next_look + kRowsAtOnce;
  forged.erase(forged.lower_bound(next_look), forged.lower_bound(end));
  const device_row* const rows = devices.as<device_row>();  // nearly all of them are empty
  for (std::uint32_t device = next_look; device < end; ++device) {
    if (verdict_in(rows[device]) != 0 && !verdicts.contains(device)) forged.insert(device);
  }
  next_look = end % DEVICES_MAX;
}

void Sensor::State::look_at_volumes(std::vector<SensorDamage>& damages) {
  look_for_forged();
  const auto add = [&](std::uint32_t device) {
    damages.push_back({.name = "devices",
                       .what = fmt::format("the verdict on device {}:{} is not ours", device >> 20U,
                                           device & 0xfffffU)});
  };
  for (const auto& [device, ours] : verdicts) {
    const __u64 now = verdict_on(device);
    if (now != 0 && now != ours) add(device);
  }
  for (const std::uint32_t device : forged) add(device);
}

}  // namespace idtrail
