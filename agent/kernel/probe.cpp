// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include "agent/kernel/libbpf_log.h"
#include "bpf/skeleton/all.h"

namespace idtrail {
namespace {

constexpr std::uint32_t kLogStatistics = 4;  // BPF_LOG_STATS: errors and totals, no trace
constexpr std::size_t kLogBytes = 16384;
constexpr std::size_t kErrorBytes = 600;
constexpr const char* kWalkedTable = "openers";

// What libbpf 1.1 says where a type is not in the kernel itself and the modules' may not be read.
constexpr std::string_view kModulesRefused = "failed to iterate BTF objects";
constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";

constexpr ProbeSpec kProbes[] = {
#define PROBE(name, kind, summary) {#name, kind, name##_bpf__elf_bytes},
#include "idtrail/probes.def"
#undef PROBE
};

std::string way_of(const bpf_program* program) {
  const std::string name = bpf_program__name(program);
  return name.substr(name.rfind('_') + 1);
}

const char* hook_of(const bpf_program* program) {
  const char* section = bpf_program__section_name(program);
  return *section == '?' ? section + 1 : section;
}

std::vector<std::string> ways_of(bpf_object& object) {
  std::vector<std::string> ways;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, &object) {
    if (ways.empty() || ways.back() != way_of(program)) ways.push_back(way_of(program));
  }
  return ways;
}

Result<BpfObject> open_object(const ProbeSpec& spec, bool without_modules = false) {
  const LibbpfLog log;
  std::size_t size = 0;
  const void* elf = spec.elf(&size);
  LIBBPF_OPTS(bpf_object_open_opts, options);
  if (without_modules) options.btf_custom_path = kKernelTypes;
  BpfObject object(bpf_object__open_mem(elf, size, &options));
  if (!object) {
    return Error{Errc::kInternal, fmt::format("open probe {}: {}", spec.name, log.text())};
  }
  return object;
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

bool is_walk(const bpf_program* program) {
  return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER;
}

bpf_link* attach(bpf_object& object, const bpf_program* program) {
  if (!is_walk(program)) return bpf_program__attach(program);
  bpf_iter_link_info table{};
  table.map.map_fd = static_cast<__u32>(bpf_object__find_map_fd_by_name(&object, kWalkedTable));
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &table, .link_info_len = sizeof(table));
  return bpf_program__attach_iter(program, &options);
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

Result<Probe> Probe::load_way(const ProbeSpec& spec, const std::string& way, const SharedMaps& maps,
                              bool without_modules) {
  Result<BpfObject> object = open_object(spec, without_modules);
  if (!object) return object.error();
  const LibbpfLog log;
  Probe probe;
  probe.object_ = std::move(*object);
  std::vector<Candidate> chosen = choose(*probe.object_, way);
  if (auto lent = maps.lend_to(*probe.object_); !lent) return lent.error();
  if (const int error = bpf_object__load(probe.object_.get()); error != 0) {
    return refusal(chosen, -error, log);
  }
  for (const Candidate& candidate : chosen) {
    BpfLink link(attach(*probe.object_, candidate.program));
    if (!link) return refusal(chosen, errno, log);
    if (is_walk(candidate.program)) probe.walk_fd_ = bpf_link__fd(link.get());
    probe.attachments_.emplace_back(bpf_link__fd(link.get()));
    probe.links_.push_back(std::move(link));
    probe.program_fds_.push_back(bpf_program__fd(candidate.program));
    probe.verified_insns_ = std::max(probe.verified_insns_, insns_walked(candidate));
    bpf_program__set_log_buf(candidate.program, nullptr, 0);
  }
  probe.hook_ = hooks_of(chosen);
  return probe;
}

Result<Probe> Probe::load(const ProbeSpec& spec, const SharedMaps& maps,
                          std::span<const std::string> avoid) {
  Result<BpfObject> object = open_object(spec);
  if (!object) return object.error();
  std::string refusals;
  for (const std::string& way : ways_of(**object)) {
    if (!refusals.empty()) refusals += " | ";
    if (std::ranges::find(avoid, fmt::format("{}/{}", spec.name, way)) != avoid.end()) {
      refusals += fmt::format("{}: switched off by the settings", way);
      continue;
    }
    Result<Probe> probe = load_way(spec, way, maps, false);
    // To read the modules' types takes CAP_SYS_ADMIN. None of ours is there.
    if (!probe && probe.error().message.find(kModulesRefused) != std::string::npos) {
      probe = load_way(spec, way, maps, true);
    }
    if (probe) return probe;
    refusals += probe.error().message;
  }
  return Error{Errc::kUnsupported, fmt::format("attach probe {}: {}", spec.name, refusals)};
}

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
  for (const int fd : program_fds_) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0) missed += info.recursion_misses;
  }
  return missed;
}

}  // namespace idtrail
