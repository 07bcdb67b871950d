// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/volume.h"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/rig/file.h"

namespace idtrail::rig {

namespace fs = std::filesystem;

namespace {

constexpr const char* kBearerFile = "idtrail-rig.json";  // beside volumes/: who the token is for
constexpr const char* kKeyFile = "idtrail-rig.key";
constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\nMAAwAAMA\n-----END CERTIFICATE-----\n";  // a shape, not a CA

fs::path pod_folder(const fs::path& kubelet_root, const std::string& pod_uid) {
  return kubelet_root / "pods" / pod_uid;
}

std::string make_folder_name() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "..%Y_%m_%d_%H_%M_%S", &parts);
  return fmt::format("{}.{}", text, random_hex().substr(0, 10));
}

/// One pass of the AtomicWriter: a new dated folder, then ..data switched over by rename, then the
/// old folder removed; readers see the old files or the new ones, never a mixture.
Result<std::string> write_payload(const fs::path& kubelet_root, const fs::path& volume,
                                  const Bearer& bearer, std::optional<gid_t> fs_group) {
  auto token = issue_token(kubelet_root / kKeyFile, bearer, std::time(nullptr));
  if (!token) return token.error();
  const std::string name = make_folder_name();
  const fs::path folder = volume / name;
  if (mkdir(folder.c_str(), 0755) != 0) return failed("create", folder);

  // With an fsGroup the kubelet writes the token 0600 and then opens it to the group.
  const mode_t token_mode = fs_group ? 0640 : 0644;
  const gid_t group = fs_group.value_or(static_cast<gid_t>(-1));
  const std::tuple<const char*, std::string, mode_t> files[] = {
      {"token", token->text, token_mode},
      {"ca.crt", kCertificate, 0644},
      {"namespace", bearer.namespace_name, 0644}};
  for (const auto& [file, text, mode] : files) {
    if (auto written = write_file(folder / file, text, mode, group); !written)
      return written.error();
  }

  std::error_code error;
  const fs::path old = fs::read_symlink(volume / "..data", error);
  fs::remove(volume / "..data_tmp", error);
  fs::create_directory_symlink(name, volume / "..data_tmp", error);
  if (std::rename((volume / "..data_tmp").c_str(), (volume / "..data").c_str()) != 0) {
    return failed("rename to", volume / "..data");
  }
  for (const auto& [file, text, mode] : files) {
    if (!fs::is_symlink(volume / file))
      fs::create_symlink(fs::path("..data") / file, volume / file, error);
  }
  if (!old.empty()) fs::remove_all(volume / old, error);
  return token->jti;
}

Result<void> remember(const fs::path& pod, const fs::path& volume, const Bearer& bearer,
                      std::optional<gid_t> fs_group) {
  const nlohmann::json text = {{"namespace", bearer.namespace_name},
                               {"service_account", bearer.service_account},
                               {"pod", bearer.pod},
                               {"pod_uid", bearer.pod_uid},
                               {"node", bearer.node},
                               {"volume", volume.string()},
                               {"fs_group", fs_group ? static_cast<std::int64_t>(*fs_group) : -1}};
  return write_file(pod / kBearerFile, text.dump(), 0600, static_cast<gid_t>(-1));
}

}  // namespace

Result<Volume> create_volume(const fs::path& kubelet_root, const Bearer& bearer,
                             std::optional<gid_t> fs_group) {
  const fs::path pod = pod_folder(kubelet_root, bearer.pod_uid);
  const fs::path volume = pod / "volumes" / "kubernetes.io~projected" /
                          ("kube-api-access-" + random_hex().substr(0, 5));
  std::error_code error;
  fs::create_directories(volume, error);
  if (error)
    return Error{Errc::kInternal, fmt::format("create {}: {}", volume.string(), error.message())};
  if (mount("tmpfs", volume.c_str(), "tmpfs", MS_RELATIME, "size=16m,mode=1777") != 0) {
    return failed("mount a tmpfs on", volume);
  }
  auto jti = write_payload(kubelet_root, volume, bearer, fs_group);
  if (!jti) return jti.error();
  if (auto kept = remember(pod, volume, bearer, fs_group); !kept) return kept.error();
  return Volume{volume, *jti};
}

Result<Volume> rotate_volume(const fs::path& kubelet_root, const std::string& pod_uid) {
  auto text = read_file(pod_folder(kubelet_root, pod_uid) / kBearerFile);
  if (!text)
    return Error{Errc::kNotFound,
                 fmt::format("no volume of pod {} ({})", pod_uid, text.error().message)};
  const auto known = nlohmann::json::parse(*text, nullptr, false);
  if (known.is_discarded())
    return Error{Errc::kCorrupt, fmt::format("the note of pod {} is damaged", pod_uid)};
  const Bearer bearer{known["namespace"], known["service_account"], known["pod"], pod_uid,
                      known["node"]};
  const auto group = known["fs_group"].get<std::int64_t>();
  const fs::path volume = known["volume"].get<std::string>();
  auto jti = write_payload(kubelet_root, volume, bearer,
                           group < 0 ? std::nullopt : std::optional(static_cast<gid_t>(group)));
  if (!jti) return jti.error();
  return Volume{volume, *jti};
}

Result<void> delete_volumes(const fs::path& kubelet_root, const std::string& pod_uid) {
  const fs::path pod = pod_folder(kubelet_root, pod_uid);
  std::error_code error;
  for (const auto& volume :
       fs::directory_iterator(pod / "volumes" / "kubernetes.io~projected", error)) {
    if (umount2(volume.path().c_str(), 0) != 0 && errno != EINVAL)
      return failed("unmount", volume.path());
  }
  fs::remove_all(pod, error);
  if (error)
    return Error{Errc::kInternal, fmt::format("remove {}: {}", pod.string(), error.message())};
  return {};
}

}  // namespace idtrail::rig
