// SPDX-License-Identifier: Apache-2.0
#include "agent/api/local_socket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace idtrail {
namespace {

namespace fs = std::filesystem;

constexpr int kBacklog = 16;
constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

Error failed(Errc code, std::string_view what, const fs::path& path) {
  return Error{code, fmt::format("{} {}: {}", what, path.string(), std::strerror(errno))};
}

Result<void> own_directory(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir.parent_path(), error);
  if (mkdir(dir.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return failed(Errc::kPermission, "make the socket's directory", dir);
  }
  struct stat meta {};
  if (lstat(dir.c_str(), &meta) != 0) return failed(Errc::kPermission, "look at", dir);
  const bool ours = meta.st_uid == 0 || meta.st_uid == geteuid();
  if (!S_ISDIR(meta.st_mode) || !ours || (meta.st_mode & kOthersWrite) != 0) {
    return Error{
        Errc::kPermission,
        fmt::format("make a socket in {}: others may write there; set `socket` to a path in a "
                    "directory of mode 0700",
                    dir.string())};
  }
  return {};
}

Result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.size() >= sizeof(address.sun_path)) {
    return Error{Errc::kInvalid, fmt::format("make socket {}: a socket's path has at most {} bytes",
                                             text, sizeof(address.sun_path) - 1)};
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

const sockaddr* plain(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int new_socket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

/// Removes what a dead agent left; an error where a live one answers.
Result<void> clear_stale(const fs::path& path, const sockaddr_un& address) {
  struct stat meta {};
  if (lstat(path.c_str(), &meta) != 0) return {};
  if (!S_ISSOCK(meta.st_mode)) {
    return Error{Errc::kInvalid,
                 fmt::format("make socket {}: another file has that name", path.string())};
  }
  const int probe = new_socket();
  const bool refused =
      connect(probe, plain(address), sizeof(address)) != 0 && errno == ECONNREFUSED;
  close(probe);
  if (!refused) {
    return Error{
        Errc::kUnavailable,
        fmt::format("make socket {}: another agent listens there; stop it, or set `socket`",
                    path.string())};
  }
  if (unlink(path.c_str()) != 0) return failed(Errc::kPermission, "remove the stale socket", path);
  return {};
}

}  // namespace

Result<LocalSocket> LocalSocket::open(const fs::path& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  if (auto done = own_directory(path.parent_path()); !done) return done.error();
  if (auto done = clear_stale(path, *address); !done) return done.error();
  const int fd = new_socket();
  if (fd < 0) return failed(Errc::kInternal, "make socket", path);
  // The file takes the socket's own mode: there is no moment at which others could connect.
  struct stat meta {};
  if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || bind(fd, plain(*address), sizeof(*address)) != 0 ||
      listen(fd, kBacklog) != 0 || lstat(path.c_str(), &meta) != 0) {
    const auto error = failed(Errc::kPermission, "listen at", path);
    close(fd);
    return error;
  }
  return LocalSocket(path, fd, meta.st_ino);
}

LocalSocket::LocalSocket(fs::path path, int fd, ino_t inode)
    : path_(std::move(path)), fd_(fd), inode_(inode) {}

LocalSocket::LocalSocket(LocalSocket&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), inode_(other.inode_) {}

LocalSocket::~LocalSocket() {
  if (fd_ < 0) return;
  close(fd_);
  struct stat meta {};
  if (lstat(path_.c_str(), &meta) == 0 && meta.st_ino == inode_) unlink(path_.c_str());
}

std::optional<uid_t> peer_uid(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

bool may_connect(uid_t peer, uid_t own) { return peer == 0 || peer == own; }

}  // namespace idtrail
