// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <iterator>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/kernel/libbpf_log.h"
#include "agent/kernel/pins.h"
#include "bpf/skeleton/all.h"

namespace idtrail {
namespace {

constexpr std::uint32_t kLogStatistics = 4;  // BPF_LOG_STATS: errors and totals, no trace
constexpr std::size_t kLogBytes = 16384;
constexpr std::size_t kErrorBytes = 600;
constexpr const char* kWalkedTable = "flow_buckets";
constexpr std::string_view kWalk = "iter/";
constexpr std::string_view kLsmWay = "lsm";

constexpr ProbeSpec kProbes[] = {
#define PROBE(name, kind, summary) {#name, kind, name##_bpf__elf_bytes},
#include "idtrail/probes.def"
#undef PROBE
};

std::string way_of(const bpf_program* program) {
  const std::string name = bpf_program__name(program);
  return name.substr(name.rfind('_') + 1);
}

const char* hook_of(const bpf_program* program) { return bpf_program__section_name(program); }

std::vector<std::string> ways_of(bpf_object& object, const LsmPrograms& lsm) {
  std::vector<std::string> ways;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, &object) {
    if (ways.empty() || ways.back() != way_of(program)) ways.push_back(way_of(program));
  }
  if (lsm.first) std::ranges::stable_partition(ways, [](auto& way) { return way == kLsmWay; });
  return ways;
}

/// One program of the way that is being tried, with the verifier's words on it.
struct Candidate {
  bpf_program* program;
  std::array<char, kLogBytes> log{};
};

std::uint32_t insns_walked(const Candidate& candidate) {
  static constexpr std::string_view kMark = "processed ";
  const std::string_view text(candidate.log.data());
  const std::size_t at = text.rfind(kMark);
  std::uint32_t count = 0;
  if (at == std::string_view::npos) return count;
  std::from_chars(text.data() + at + kMark.size(), text.data() + text.size(), count);
  return count;
}

std::vector<Candidate> choose(bpf_object& object, const std::string& way) {
  std::vector<Candidate> chosen;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, &object) {
    const bool wanted = way_of(program) == way;
    bpf_program__set_autoload(program, wanted);
    if (wanted) chosen.push_back({.program = program});
  }
  for (Candidate& candidate : chosen) {
    bpf_program__set_log_level(candidate.program, kLogStatistics);
    bpf_program__set_log_buf(candidate.program, candidate.log.data(), candidate.log.size());
  }
  return chosen;
}

std::string hooks_of(const std::vector<Candidate>& chosen) {
  std::string hooks;
  for (const Candidate& candidate : chosen) {
    if (!hooks.empty()) hooks += " + ";
    hooks += hook_of(candidate.program);
  }
  return hooks;
}

/// The first program's hook that this kernel does not have; empty where it has all.
std::string missing_hook(const std::vector<Candidate>& chosen, const KernelTypes& types) {
  for (const Candidate& candidate : chosen) {
    if (!types.has_hook(hook_of(candidate.program))) return hook_of(candidate.program);
  }
  return {};
}

BpfLink attach_walk(bpf_object& object, const bpf_program* program) {
  bpf_iter_link_info table{};
  table.map.map_fd = static_cast<__u32>(bpf_object__find_map_fd_by_name(&object, kWalkedTable));
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &table, .link_info_len = sizeof(table));
  return BpfLink(bpf_program__attach_iter(program, &options));
}

BpfLink attach(bpf_object& object, const bpf_program* program) {
  if (std::string_view(hook_of(program)).starts_with(kWalk)) return attach_walk(object, program);
  const bpf_prog_type type = bpf_program__type(program);
  const bool by_type = type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM;
  return BpfLink(by_type ? bpf_program__attach_trace(program) : bpf_program__attach(program));
}

bpf_prog_info info_of(int program_fd) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  bpf_obj_get_info_by_fd(program_fd, &info, &size);
  return info;
}

Error refusal(const std::vector<Candidate>& chosen, int error, const LibbpfLog& log) {
  std::string why = log.text();
  for (const Candidate& candidate : chosen) {
    const std::string said = one_line(candidate.log.data(), kErrorBytes);
    if (!said.empty())
      why += fmt::format(" [verifier on {}: {}]", hook_of(candidate.program), said);
  }
  return {Errc::kUnsupported,
          fmt::format("{}: {}: {}", hooks_of(chosen), std::strerror(error), why)};
}

}  // namespace

std::span<const ProbeSpec> probe_specs() { return kProbes; }

void let_objects_go() {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (const ProbeSpec& spec : kProbes) {
    std::size_t size = 0;
    const auto at = reinterpret_cast<std::uintptr_t>(spec.elf(&size));
    const std::uintptr_t begin = (at + page - 1) / page * page;
    const std::uintptr_t end = (at + size) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

Result<BpfObject> open_object(const ProbeSpec& spec, const char* types) {
  const LibbpfLog log;
  std::size_t size = 0;
  const void* elf = spec.elf(&size);
  LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = types);
  BpfObject object(bpf_object__open_mem(elf, size, &options));
  if (!object) {
    return Error{Errc::kInternal, fmt::format("open probe {}: {}", spec.name, log.text())};
  }
  return object;
}

Result<Probe> Probe::load_way(BpfObject object, const std::string& way, const Setting& setting) {
  const LibbpfLog log;
  Probe probe;
  std::vector<Candidate> chosen = choose(*object, way);
  if (const auto missing = missing_hook(chosen, setting.types); !missing.empty()) {
    return Error{Errc::kUnsupported,
                 fmt::format("{}: this kernel has no {}", hooks_of(chosen), missing)};
  }
  if (auto lent = setting.maps.lend_to(*object); !lent) return lent.error();
  if (const int error = bpf_object__load(object.get()); error != 0) {
    return refusal(chosen, -error, log);
  }
  for (const Candidate& candidate : chosen) {
    BpfLink link = attach(*object, candidate.program);
    if (!link) return refusal(chosen, errno, log);
    probe.add(std::move(link), hook_of(candidate.program));
    probe.programs_.emplace_back(fcntl(bpf_program__fd(candidate.program), F_DUPFD_CLOEXEC, 0));
    probe.verified_insns_ = std::max(probe.verified_insns_, insns_walked(candidate));
    bpf_program__set_log_buf(candidate.program, nullptr, 0);
  }
  return probe;
}

void Probe::add(BpfLink link, std::string hook) {
  const int fd = bpf_link__fd(link.get());
  if (hook.starts_with(kWalk)) walk_fd_ = fd;
  attachments_.emplace_back(fd);
  links_.push_back(std::move(link));
  hooks_.push_back(std::move(hook));
}

Result<Probe> Probe::load(const ProbeSpec& spec, const Setting& setting) {
  Result<BpfObject> object = open_object(spec, setting.types.path().c_str());
  if (!object) return object.error();
  std::string refusals;
  for (const std::string& way : ways_of(**object, setting.lsm)) {
    if (!refusals.empty()) refusals += " | ";
    if (std::ranges::find(setting.avoid, fmt::format("{}/{}", spec.name, way)) !=
        setting.avoid.end()) {
      refusals += fmt::format("{}: switched off by the settings", way);
      continue;
    }
    if (way == kLsmWay && !setting.lsm.run) {
      refusals += "lsm: bpf is not among the active modules in /sys/kernel/security/lsm";
      continue;
    }
    if (!*object) object = open_object(spec, setting.types.path().c_str());
    if (!object) return object.error();
    Result<Probe> probe = load_way(std::move(*object), way, setting);
    if (probe) return probe;
    refusals += probe.error().message;
  }
  return Error{Errc::kUnsupported, fmt::format("attach probe {}: {}", spec.name, refusals)};
}

/// A name in the BPF file system holds neither slash nor dot: "link-0-fentry:security_file_open".
Result<void> Probe::keep(const std::string& folder) {
  const std::string begun = folder + "~";  // whoever is killed halfway leaves no whole one
  (void)Pins::remove(begun);
  if (auto made = Pins::make(begun); !made) return made;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    std::string hook = hooks_[i];
    std::ranges::replace(hook, '/', ':');
    const std::string link = fmt::format("{}/link-{}-{}", begun, i, hook);
    const std::string code = fmt::format("{}/program-{}", begun, i);
    if (bpf_obj_pin(programs_[i].get(), code.c_str()) != 0 ||
        bpf_link__pin(links_[i].get(), link.c_str()) != 0) {
      const int why = errno;
      for (const BpfLink& each : links_) (void)bpf_link__unpin(each.get());
      (void)Pins::remove(begun);
      return Error{Errc::kUnsupported, fmt::format("keep {}: {}", hooks_[i], std::strerror(why))};
    }
  }
  if (rename(begun.c_str(), folder.c_str()) != 0) {
    return Error{Errc::kInternal, fmt::format("name {}: {}", folder, std::strerror(errno))};
  }
  kept_ = true;
  return {};
}

std::optional<Probe> Probe::find(const std::string& folder) {
  const LibbpfLog log;
  Probe probe;
  for (const std::string& name : Pins::names(folder)) {
    const std::string path = folder + "/" + name;
    if (name.starts_with("program-")) {
      probe.programs_.emplace_back(bpf_obj_get(path.c_str()));
      probe.verified_insns_ =
          std::max(probe.verified_insns_, info_of(probe.programs_.back().get()).verified_insns);
      continue;
    }
    BpfLink link(bpf_link__open(path.c_str()));
    if (!link) return std::nullopt;
    std::string hook = name.substr(std::strlen("link-0-"));
    std::ranges::replace(hook, ':', '/');
    probe.add(std::move(link), std::move(hook));
  }
  if (probe.links_.empty()) return std::nullopt;
  probe.kept_ = true;
  return probe;
}

std::string Probe::hook() const { return fmt::format("{}", fmt::join(hooks_, " + ")); }

bool Probe::walk() const {
  if (walk_fd_ < 0) return true;
  const int walk = bpf_iter_create(walk_fd_);
  if (walk < 0) return false;
  std::array<char, 64> nothing{};  // the program says nothing here: its records go into the rings
  ssize_t got = 1;
  while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
    got = read(walk, nothing.data(), nothing.size());
  }
  close(walk);
  return got == 0;
}
bool Probe::stands() const { return std::ranges::all_of(attachments_, &Attachment::stands); }

std::uint64_t Probe::missed_runs() const {
  std::uint64_t missed = 0;
  for (const Fd& program : programs_) missed += info_of(program.get()).recursion_misses;
  return missed;
}

}  // namespace idtrail
