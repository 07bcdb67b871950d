// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/volume_files.h"

#include <array>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/identity/token_claims.h"
#include "agent/sources/file.h"

namespace idtrail {
namespace {

constexpr int kMaxFiles = 1024;
constexpr int kMaxDepth = 4;  // a timestamp directory and the paths that `items` may name
constexpr std::size_t kMaxToken = 16U << 10U;  // bytes

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

Fd open_under(int dir, const char* name, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  how.resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(syscall(SYS_openat2, dir, name, &how, sizeof(how))));
}

/// The claims where the file is a token. The bytes are gone when this returns.
std::optional<v1::TokenClaims> claims_of(int dir, const char* name) {
  const Fd file = open_under(dir, name, O_RDONLY, RESOLVE_BENEATH | RESOLVE_NO_XDEV);
  if (!file) return std::nullopt;
  std::array<char, kMaxToken> text{};
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  std::string_view token(text.data(), size);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.remove_suffix(1);
  std::optional<v1::TokenClaims> claims;
  if (size < text.size()) claims = read_token_claims(token);
  explicit_bzero(text.data(), text.size());
  return claims;
}

/// Public by their nature: the cluster's CA and the namespace's name of a projected volume.
bool is_public(const std::string& plugin, const std::string& name) {
  return plugin == "projected" &&
         (name == "ca.crt" || name == "namespace" || name == "service-ca.crt");
}

class Lister {
 public:
  Lister(const VolumePath& path, v1::VolumeFact& fact) : path_(path), fact_(fact) {}

  void list(Fd dir, const std::string& prefix, int depth) {
    const std::unique_ptr<DIR, CloseDir> entries(fdopendir(dup(dir.get())));
    if (!entries) return;
    while (const dirent* entry = readdir(entries.get())) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == ".." || fact_.files_size() >= kMaxFiles) continue;
      struct stat meta {};
      if (fstatat(dir.get(), entry->d_name, &meta, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISREG(meta.st_mode)) add(dir.get(), entry->d_name, prefix, meta);
      if (!S_ISDIR(meta.st_mode) || depth == kMaxDepth) continue;
      Fd below = open_under(dir.get(), entry->d_name, O_RDONLY | O_DIRECTORY,
                            RESOLVE_BENEATH | RESOLVE_NO_XDEV);
      // The atomic writer's directory, ..2026_11_22_04_41_02.123456789, is no part of the name.
      const bool writers = depth == 0 && name.starts_with("..");
      if (below) list(std::move(below), writers ? "" : prefix + std::string(name) + "/", depth + 1);
    }
  }

 private:
  void add(int dir, const char* name, const std::string& prefix, const struct stat& meta) {
    auto* file = fact_.add_files();
    file->set_inode(meta.st_ino);
    file->set_name(prefix + name);
    if (auto claims = claims_of(dir, name)) {
      if (!claims->service_account().empty()) fact_.set_kind("service-account-token");
      *file->mutable_claims() = std::move(*claims);
    }
    file->set_sensitive(file->has_claims() || !is_public(path_.plugin, file->name()));
  }

  const VolumePath& path_;
  v1::VolumeFact& fact_;
};

/// Takes what lies before the next slash.
std::string_view take_segment(std::string_view& path) {
  const auto end = path.find('/');
  const auto segment = path.substr(0, end);
  path = end == std::string_view::npos ? "" : path.substr(end + 1);
  return segment;
}

}  // namespace

std::optional<VolumePath> parse_volume_path(std::string_view mount_point,
                                            std::string_view kubelet_root) {
  constexpr std::string_view kPods = "/pods/";
  constexpr std::string_view kPlugin = "kubernetes.io~";
  while (kubelet_root.ends_with('/')) kubelet_root.remove_suffix(1);
  if (!mount_point.starts_with(kubelet_root)) return std::nullopt;
  mount_point.remove_prefix(kubelet_root.size());
  if (!mount_point.starts_with(kPods)) return std::nullopt;
  mount_point.remove_prefix(kPods.size());
  VolumePath path;
  path.pod_uid = take_segment(mount_point);
  if (take_segment(mount_point) != "volumes") return std::nullopt;
  const auto plugin = take_segment(mount_point);
  if (!plugin.starts_with(kPlugin)) return std::nullopt;
  path.plugin = plugin.substr(kPlugin.size());
  path.name = take_segment(mount_point);
  const bool csi = path.plugin == "csi";
  if (!csi && path.plugin != "projected" && path.plugin != "secret") return std::nullopt;
  if (csi && mount_point == "mount") mount_point = "";
  if (!mount_point.empty() || path.name.empty() || path.pod_uid.empty()) return std::nullopt;
  return path;
}

bool list_volume(int root, const std::string& mount_point, const VolumePath& path,
                 v1::VolumeFact& fact) {
  fact.clear_files();
  fact.set_kind(path.plugin);
  Fd dir = open_under(root, mount_point.c_str(), O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
  if (!dir) return false;
  struct stat meta {};
  if (fstat(dir.get(), &meta) != 0 || kernel_device(meta.st_dev) != fact.device()) return false;
  Lister(path, fact).list(std::move(dir), "", 0);
  return true;
}

}  // namespace idtrail
