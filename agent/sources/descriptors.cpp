// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/descriptors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "agent/sources/file.h"
#include "agent/sources/tcp_table.h"
#include "idtrail/key_name.h"

namespace idtrail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPerProcess = 16384;
constexpr std::size_t kMaxRecords = 65536;
constexpr std::size_t kMaxSockets = 65536;     // of one network namespace, and that we look for
constexpr std::size_t kMaxTable = 16U << 20U;  // bytes
constexpr long kTmpfsMagic = 0x01021994;

template <typename Payload>
std::vector<std::byte> record_of(const v1::ProcessFact& process, std::uint64_t now, event_kind kind,
                                 const Payload& payload, std::string_view tail = {}) {
  event_header header{};
  header.boot_ns = now;
  header.cgroup_id = process.cgroup_id();
  header.start_boot_ns = process.start_boot_ns();
  header.tgid = header.tid = process.tgid();
  header.kind = static_cast<__u16>(kind);
  header.size = static_cast<__u32>(sizeof(header) + sizeof(payload) + tail.size());
  header.flags = EVENT_AT_START;
  std::vector<std::byte> record(header.size);
  std::memcpy(record.data(), &header, sizeof(header));
  std::memcpy(record.data() + sizeof(header), &payload, sizeof(payload));
  if (!tail.empty()) {
    std::memcpy(record.data() + sizeof(header) + sizeof(payload), tail.data(), tail.size());
  }
  return record;
}

file_id exe_of(const v1::ProcessFact& process) {
  return {.inode = process.exe_inode(), .device = process.exe_device(), .generation = 0};
}

std::string link_target(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : "";
}

std::string_view last_component(std::string_view& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return std::exchange(path, {});
  const auto name = path.substr(slash + 1);
  path = path.substr(0, slash);
  return name;
}

template <std::size_t kSize>
void copy_cut(std::string_view text, char (&out)[kSize]) {
  std::copy_n(text.begin(), std::min(text.size(), kSize - 1), out);
}

/// As bpf/lib/keyfile.h asks.
__u32 key_sort_of(std::string_view path) {
  const auto name = last_component(path);
  key_name key{};
  for (const char byte : name.substr(name.size() - std::min<std::size_t>(name.size(), 8))) {
    key.tail = key.tail >> 8U | static_cast<__u64>(static_cast<unsigned char>(byte)) << 56U;
  }
  copy_cut(name, key.text);
  copy_cut(last_component(path), key.dir);
  return may_name_key(key.tail) != 0 ? key_sort(&key) : 0;
}

class Look {
 public:
  Look(std::span<const v1::ProcessFact> processes, const DescriptorSettings& settings)
      : processes_(processes), settings_(settings) {}

  OpenDescriptors take() {
    for (const auto& process : processes_) look_at(process);
    for (const auto& process : processes_) look_at_namespace(process);
    return std::move(found_);
  }

 private:
  [[nodiscard]] std::string dir_of(const v1::ProcessFact& process) const {
    return settings_.proc + "/" + std::to_string(process.tgid());
  }

  void look_at(const v1::ProcessFact& process) {
    if (process.exe_inode() == 0) return;  // of the kernel's own
    const std::string dir = dir_of(process) + "/fd";
    std::error_code error;
    std::size_t count = 0;
    for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
      if (++count > kMaxPerProcess) {
        ++found_.skipped;
        return;
      }
      look_at(process, at->path().string());
    }
  }

  void look_at(const v1::ProcessFact& process, const std::string& descriptor) {
    constexpr std::string_view kSocket = "socket:[";
    constexpr std::string_view kDeleted = " (deleted)";  // a token that was rotated since
    std::string target = link_target(descriptor);
    if (target.starts_with(kSocket)) {
      std::uint64_t inode = 0;
      std::from_chars(target.data() + kSocket.size(), target.data() + target.size(), inode);
      if (holders_.size() < kMaxSockets) holders_.emplace(inode, &process);
    } else if (target.starts_with('/') && !target.starts_with("/memfd:") &&
               !target.starts_with("/SYSV")) {
      if (target.ends_with(kDeleted)) target.resize(target.size() - kDeleted.size());
      look_at_file(process, descriptor, target);
    }
  }

  void look_at_file(const v1::ProcessFact& process, const std::string& descriptor,
                    const std::string& path) {
    struct stat link {};
    struct stat meta {};
    struct statfs where {};
    const bool readable = lstat(descriptor.c_str(), &link) == 0 && (link.st_mode & S_IRUSR) != 0;
    if (!readable || stat(descriptor.c_str(), &meta) != 0 || !S_ISREG(meta.st_mode)) return;
    const __u32 sort = key_sort_of(path);
    const bool tmpfs = statfs(descriptor.c_str(), &where) == 0 && where.f_type == kTmpfsMagic;
    if (!tmpfs && sort == 0) return;
    const file_id file{.inode = meta.st_ino, .device = kernel_device(meta.st_dev), .generation = 0};
    add(tmpfs ? credential(process, file, path) : key_file(process, file, path, sort));
  }

  [[nodiscard]] std::vector<std::byte> credential(const v1::ProcessFact& process,
                                                  const file_id& file,
                                                  std::string_view path) const {
    credential_payload payload{};
    payload.file = file;
    payload.exe = exe_of(process);
    payload.parent_tgid = process.parent_tgid();
    if (process.host_mount_namespace()) payload.flags = CREDENTIAL_HOST_MNTNS;
    payload.volume_generation = settings_.generation ? settings_.generation(file.device) : 0;
    copy_cut(last_component(path), payload.name);
    copy_cut(last_component(path), payload.dir);
    return record_of(process, settings_.now_boot_ns, EVENT_credential, payload);
  }

  [[nodiscard]] std::vector<std::byte> key_file(const v1::ProcessFact& process, const file_id& file,
                                                std::string path, __u32 sort) const {
    keyfile_payload payload{};
    payload.file = file;
    payload.exe = exe_of(process);
    payload.parent_tgid = process.parent_tgid();
    if (process.host_mount_namespace()) payload.flags = CREDENTIAL_HOST_MNTNS;
    if (path.size() >= EVENT_PATH_MAX) {
      path.erase(0, path.size() + 1 - EVENT_PATH_MAX);
      payload.flags |= CREDENTIAL_PATH_CUT;
    }
    payload.sort = static_cast<__u16>(sort);
    payload.path_size = static_cast<__u16>(path.size() + 1);
    return record_of(process, settings_.now_boot_ns, EVENT_keyfile, payload,
                     std::string_view(path.c_str(), path.size() + 1));
  }

  void look_at_namespace(const v1::ProcessFact& process) {
    const std::string space = link_target(dir_of(process) + "/ns/net");
    if (space.empty() || !spaces_.insert(space).second) return;
    std::vector<TcpSocket> sockets;
    for (const char* name : {"/net/tcp", "/net/tcp6"}) {
      const auto text = read_file(dir_of(process) + name, kMaxTable);
      if (!text) {
        ++found_.skipped;
        continue;
      }
      const TcpTable table = parse_tcp_table(*text, kMaxSockets);
      found_.skipped += table.refused;
      sockets.insert(sockets.end(), table.sockets.begin(), table.sockets.end());
    }
    std::set<std::uint16_t> listening;
    for (const TcpSocket& socket : sockets) {
      if (socket.state == kTcpListen) listening.insert(socket.local_port);
    }
    for (const TcpSocket& socket : sockets) {
      if (socket.state != kTcpEstablished) continue;
      const auto holder = holders_.find(socket.inode);
      if (socket.inode == 0 || holder == holders_.end()) continue;
      add(listening.contains(socket.local_port) ? taken(*holder->second, socket)
                                                : made(*holder->second, socket));
    }
  }

  [[nodiscard]] std::vector<std::byte> made(const v1::ProcessFact& process,
                                            const TcpSocket& socket) const {
    connect_payload payload{};
    payload.exe = exe_of(process);
    payload.parent_tgid = process.parent_tgid();
    std::memcpy(payload.dst, socket.peer.data(), sizeof(payload.dst));
    std::memcpy(payload.src, socket.local.data(), sizeof(payload.src));
    payload.dst_port = socket.peer_port;
    payload.src_port = socket.local_port;
    payload.family = socket.v4 ? AF_INET : AF_INET6;
    payload.protocol = IPPROTO_TCP;
    return record_of(process, settings_.now_boot_ns, EVENT_connect, payload);
  }

  [[nodiscard]] std::vector<std::byte> taken(const v1::ProcessFact& process,
                                             const TcpSocket& socket) const {
    socket_payload payload{};
    payload.exe = exe_of(process);
    payload.parent_tgid = process.parent_tgid();
    std::memcpy(payload.local, socket.local.data(), sizeof(payload.local));
    std::memcpy(payload.peer, socket.peer.data(), sizeof(payload.peer));
    payload.local_port = socket.local_port;
    payload.peer_port = socket.peer_port;
    payload.family = socket.v4 ? AF_INET : AF_INET6;
    payload.protocol = IPPROTO_TCP;
    return record_of(process, settings_.now_boot_ns, EVENT_accept, payload);
  }

  void add(std::vector<std::byte> record) {
    if (found_.records.size() < kMaxRecords) {
      found_.records.push_back(std::move(record));
    } else {
      ++found_.skipped;
    }
  }

  std::span<const v1::ProcessFact> processes_;
  const DescriptorSettings& settings_;
  OpenDescriptors found_;
  std::unordered_map<std::uint64_t, const v1::ProcessFact*> holders_;  // by socket
  std::set<std::string> spaces_;
};

}  // namespace

OpenDescriptors open_descriptors(std::span<const v1::ProcessFact> processes,
                                 const DescriptorSettings& settings) {
  return Look(processes, settings).take();
}

}  // namespace idtrail
