// SPDX-License-Identifier: Apache-2.0
#include "core/node/checks.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/node/hierarchy.h"
#include "core/node/kernel_ask.h"

namespace idtrail {
namespace {

constexpr long kBpfFsMagic = 0xcafe4a11;

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

v1::Check check(std::string name, std::string state, std::string detail, std::string fix = "") {
  v1::Check result;
  result.set_name(std::move(name));
  result.set_state(std::move(state));
  result.set_detail(std::move(detail));
  result.set_fix(std::move(fix));
  return result;
}

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line.substr(0, 256);
}

v1::Check kernel_version() {
  utsname name{};
  uname(&name);
  int major_number = 0;
  int minor_number = 0;
  const std::string release = name.release;
  if (std::sscanf(name.release, "%d.%d", &major_number, &minor_number) != 2) {
    return check("kernel", "degraded", release,
                 "the release has no known form; Linux 5.10 or later is needed");
  }
  if (major_number < 5 || (major_number == 5 && minor_number < 10)) {
    return check("kernel", "failed", release, "Linux 5.10 or later is needed");
  }
  return check("kernel", "ok", release);
}

v1::Check btf(const NodeSettings& settings) {
  const std::string path = settings.sys + "/kernel/btf/vmlinux";
  struct stat meta {};
  if (stat(path.c_str(), &meta) != 0) {
    return check(
        "btf", "failed", path + " is not there",
        "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current distribution's is)");
  }
  return check("btf", "ok", fmt::format("{} ({} KiB)", path, meta.st_size >> 10));
}

v1::Check bpf_permitted(const NodeSettings& settings) {
  if (!settings.ask_bpf) return check("bpf", "degraded", "not asked");
  const Attempt load = try_program_load();
  if (load.error != 0) {
    return check(
        "bpf", "failed",
        fmt::format("BPF_PROG_LOAD: {}: {}", std::strerror(load.error), load.meaning),
        "run as root with CAP_BPF and CAP_PERFMON; in a container without a seccomp profile that "
        "blocks bpf(2). Where the host's kernel forbids it, use a machine or VM that allows it");
  }
  return check("bpf", "ok", "programs can be loaded");
}

v1::Check tracing_btf(const NodeSettings& settings) {
  if (!settings.ask_bpf) return check("tracing", "degraded", "not asked");
  const Attempt attempt = try_kernel_btf();
  const bool by_id = (effective_capabilities(settings.proc) >> CAP_SYS_ADMIN & 1U) != 0;
  if (attempt.error == EPERM && !by_id) {
    return check("tracing", "ok", "not asked: only CAP_SYS_ADMIN may look types up by id");
  }
  if (attempt.error != 0) {
    return check(
        "tracing", "failed",
        fmt::format("BPF_BTF_GET_FD_BY_ID: {}: {}", std::strerror(attempt.error), attempt.meaning),
        "a seccomp filter or the host's policy forbids it, although this process holds the rights");
  }
  return check("tracing", "ok", "the kernel's type information can be used by programs");
}

v1::Check capabilities(const NodeSettings& settings) {
  struct Needed {
    int bit;
    const char* name;
    const char* why;
  };
  constexpr Needed kNeeded[] = {
      {CAP_BPF, "CAP_BPF", "load programs"},
      {CAP_PERFMON, "CAP_PERFMON", "trace"},
      {CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "read /proc/1/root and executables"},
      {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "list credential volumes"},
      {CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", "lock memory before Linux 5.11"}};
  const std::uint64_t held = effective_capabilities(settings.proc);
  const auto has = [&](int bit) { return ((held >> static_cast<unsigned>(bit)) & 1U) != 0; };
  std::string missing;
  for (const auto& needed : kNeeded) {
    const bool implied = has(CAP_SYS_ADMIN) && (needed.bit == CAP_BPF || needed.bit == CAP_PERFMON);
    if (has(needed.bit) || implied) continue;
    missing += fmt::format("{}{} ({})", missing.empty() ? "" : ", ", needed.name, needed.why);
  }
  const std::string who = fmt::format("uid {}, CapEff {:016x}", geteuid(), held);
  if (missing.empty()) return check("capabilities", "ok", who);
  return check("capabilities", "failed", who + "; missing: " + missing,
               "run as root, or give the program these capabilities");
}

v1::Check lockdown(const NodeSettings& settings) {
  const std::string path = settings.sys + "/kernel/security/lockdown";
  const std::string line = first_line(path);
  if (line.find("[confidentiality]") != std::string::npos) {
    return check("lockdown", "failed", line,
                 "confidentiality mode forbids reading kernel memory from programs: boot with "
                 "lockdown=integrity");
  }
  return check("lockdown", "ok", line.empty() ? "not in use, or not visible" : line);
}

v1::Check unprivileged(const NodeSettings& settings) {
  const std::string value = first_line(settings.proc + "/sys/kernel/unprivileged_bpf_disabled");
  if (value == "0") {
    return check(
        "unprivileged-bpf", "degraded", "kernel.unprivileged_bpf_disabled = 0",
        "sysctl -w kernel.unprivileged_bpf_disabled=2: any user may load programs; we need it not");
  }
  return check("unprivileged-bpf", "ok",
               value.empty() ? "not visible" : "kernel.unprivileged_bpf_disabled = " + value);
}

v1::Check cgroups(const NodeSettings& settings) {
  const auto found = find_hierarchy(settings.proc, settings.cgroup_root);
  if (!found) {
    return check("cgroup", "failed", found.error().message,
                 "mount cgroup2 there (boot with systemd.unified_cgroup_hierarchy=1), or set "
                 "cgroup_root to where it is");
  }
  if (found->controller.empty()) return check("cgroup", "ok", found->root + ": version 2");
  return check("cgroup", "ok",
               fmt::format("{}: version 1, by the {} controller's hierarchy (number {})",
                           found->root, found->controller, found->id));
}

v1::Check bpffs(const NodeSettings& settings) {
  const std::string path = settings.sys + "/fs/bpf";
  struct statfs meta {};
  if (statfs(path.c_str(), &meta) == 0 && meta.f_type == kBpfFsMagic) {
    return check("bpffs", "ok", path);
  }
  return check("bpffs", "degraded", path + " is not mounted", "mount -t bpf bpf " + path);
}

v1::Check runtime(const NodeSettings& settings) {
  const std::string& path = settings.containerd_socket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return check("container-runtime", "failed", path + " is longer than a socket's path may be");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(fd);
  if (result == 0) return check("container-runtime", "ok", "somebody listens at " + path);
  return check("container-runtime", "degraded", fmt::format("{}: {}", path, std::strerror(error)),
               "set containerd_socket to the runtime's CRI socket; without it pods have no names");
}

v1::Check kubelet(const NodeSettings& settings) {
  const std::string pods = settings.kubelet_root + "/pods";
  struct stat meta {};
  if (stat(pods.c_str(), &meta) == 0) return check("kubelet", "ok", pods);
  return check("kubelet", "ok",
               pods +
                   " is not there: no Kubernetes node, or kubelet_root is to be set (k3s and "
                   "others differ)");
}

}  // namespace

std::vector<v1::Check> check_node(const NodeSettings& settings) {
  return {kernel_version(),        btf(settings),         capabilities(settings),
          bpf_permitted(settings), tracing_btf(settings), lockdown(settings),
          unprivileged(settings),  cgroups(settings),     bpffs(settings),
          runtime(settings),       kubelet(settings)};
}

std::string worst_state(const std::vector<v1::Check>& checks) {
  std::string worst = "ok";
  for (const auto& each : checks) {
    if (each.state() == "failed") return "failed";
    if (each.state() == "degraded") worst = "degraded";
  }
  return worst;
}

}  // namespace idtrail
