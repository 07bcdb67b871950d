// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/act.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace idtrail::test {
namespace {

/// Field 22 of /proc/self/stat: start of this process in ticks of CLOCK_BOOTTIME.
std::uint64_t own_start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return std::stoull(field);
}

}  // namespace

Acted in_child(const std::function<int()>& act) {
  Acted acted{.before_ns = boot_now_ns()};
  const pid_t child = fork();
  if (child == 0) _exit(act());
  acted.made_ns = boot_now_ns();
  acted.tgid = static_cast<std::uint32_t>(child);
  EXPECT_EQ(waitpid(child, &acted.status, 0), child);
  acted.ended_ns = boot_now_ns();
  return acted;
}

Acted run(const std::string& file, std::vector<std::string> arguments,
          const std::function<void()>& prepare) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char* const environment[] = {nullptr};
  return in_child([&] {
    prepare();
    execve(file.c_str(), argv.data(), environment);
    return errno;
  });
}

void expect_header(const Record& record, event_kind kind, const Acted& by) {
  const event_header& header = record.header;
  EXPECT_EQ(header.kind, kind);
  EXPECT_EQ(header.tgid, by.tgid);
  EXPECT_EQ(header.tid, by.tgid);
  EXPECT_GE(header.boot_ns, by.before_ns);
  EXPECT_LE(header.boot_ns, by.ended_ns);
  EXPECT_GE(header.start_boot_ns, by.before_ns);
  EXPECT_LE(header.start_boot_ns, by.made_ns);
  EXPECT_LT(header.cpu, sysconf(_SC_NPROCESSORS_CONF));
  EXPECT_EQ(header.size, sizeof(event_header) + record.body.size());
  EXPECT_EQ(header.flags, 0U);
  EXPECT_EQ(header.cgroup_id, own_cgroup_id());
}

behaviour behaviour_of(const Record& record) {
  behaviour one{};
  one.cgroup_id = record.header.cgroup_id;
  one.lineage = record.header.lineage;
  one.kind = static_cast<__u8>(record.header.kind);
  return one;
}

void expect_parent_is_this(std::uint32_t tgid, std::uint64_t start_boot_ns) {
  const auto tick_ns = 1'000'000'000U / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  EXPECT_EQ(tgid, static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(start_boot_ns / tick_ns, own_start_ticks());
}

void expect_file(const file_id& file, const std::string& path) {
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0) << path;
  EXPECT_EQ(file.inode, status.st_ino) << path;
  EXPECT_EQ(file.device, kernel_device(status.st_dev)) << path;
}

std::string exec_target() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "exec_target";
}

Folder::Folder() {
  std::string name = "/tmp/bpf-tests-XXXXXX";
  path_ = mkdtemp(name.data());
  chmod(path_.c_str(), 0755);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::operator/(const std::string& name) const { return path_ / name; }

Tmpfs::Tmpfs(std::string place) : place_(std::move(place)) {
  std::filesystem::create_directories(place_);
  EXPECT_EQ(mount("volume", place_.c_str(), "tmpfs", 0, "mode=755"), 0) << place_;
}

Tmpfs::~Tmpfs() {
  if (!place_.empty()) umount2(place_.c_str(), MNT_DETACH);
}

void Tmpfs::unmount() {
  EXPECT_EQ(umount(place_.c_str()), 0) << place_;
  place_.clear();
}

std::uint32_t Tmpfs::device() const {
  struct stat status {};
  EXPECT_EQ(stat(place_.c_str(), &status), 0);
  return kernel_device(status.st_dev);
}

void write_file(const std::string& path, const std::string& text, unsigned mode) {
  std::ofstream(path) << text;
  EXPECT_EQ(chmod(path.c_str(), mode), 0) << path;
}

std::uint64_t inode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_ino;
}

}  // namespace idtrail::test
