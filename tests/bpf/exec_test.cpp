// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

/// An exec record, taken apart.
struct Seen {
  Record record;
  exec_payload payload{};
  std::string path;
  std::string filename;
  std::string cwd;
  std::string args;  // as in memory
};

/// A tail string without its NUL, which must be there.
std::string text_of(std::string tail) {
  EXPECT_FALSE(tail.empty());
  if (tail.empty()) return tail;
  EXPECT_EQ(tail.find('\0'), tail.size() - 1);
  tail.pop_back();
  return tail;
}

Seen take_apart(const Record& record) {
  Seen seen{.record = record,
            .payload = record.payload<exec_payload>(),
            .path = {},
            .filename = {},
            .cwd = {},
            .args = {}};
  std::size_t at = 0;
  const auto next = [&](std::size_t bytes) {
    at += bytes;
    return record.tail(sizeof(exec_payload), at - bytes, bytes);
  };
  seen.path = text_of(next(seen.payload.path_size));
  seen.filename = text_of(next(seen.payload.filename_size));
  seen.cwd = text_of(next(seen.payload.cwd_size));
  seen.args = next(seen.payload.args_size);
  EXPECT_EQ(record.body.size(), sizeof(exec_payload) + at);
  EXPECT_EQ(seen.payload.reserved, 0U);
  return seen;
}

class ExecTest : public ProbeTest {
 protected:
  static Seen the_exec(const Acted& child) {
    EXPECT_EQ(child.status, 0);
    const Records records = select(seen(), EVENT_exec, child.tgid);
    EXPECT_EQ(records.size(), 1U);
    return records.empty() ? Seen{} : take_apart(records.front());
  }
  std::string copy_to(const std::string& name) const {
    std::filesystem::copy_file(exec_target(), folder_ / name);
    return folder_ / name;
  }
  Folder folder_;
};

std::uint32_t place_flags(const std::string& path) {
  struct statfs fs {};
  EXPECT_EQ(statfs(path.c_str(), &fs), 0);
  if (fs.f_type == 0x01021994) return EXEC_TMPFS;
  return fs.f_type == 0x794c7630 ? EXEC_OVERLAY : 0;
}

constexpr auto kHost = static_cast<std::uint32_t>(EXEC_HOST_MNTNS);

TEST_F(ExecTest, TellsAllOfAProgram) {
  const std::string file = copy_to("program");
  const Acted child = run(file, {"name", "one", "two words", ""}, [] { chdir("/usr/bin"); });
  const Seen exec = the_exec(child);
  expect_header(exec.record, EVENT_exec, child);
  expect_file(exec.payload.exe, file);
  expect_parent_is_this(exec.payload.parent_tgid, exec.payload.parent_start_boot_ns);
  EXPECT_EQ(exec.payload.uid, 0U);
  EXPECT_EQ(exec.payload.flags, kHost | place_flags(file));
  EXPECT_EQ(exec.path, file);
  EXPECT_EQ(exec.filename, file);
  EXPECT_EQ(exec.cwd, "/usr/bin");
  EXPECT_EQ(exec.args, std::string("name\0one\0two words\0\0", 20));
}

TEST_F(ExecTest, TellsTheFileThatRanWhateverItWasCalled) {
  const std::string file = copy_to("innocent");
  std::filesystem::create_symlink(file, folder_ / "link");
  const Seen exec = the_exec(run("link", {"ls"}, [&] { chdir((folder_ / "").c_str()); }));
  EXPECT_EQ(exec.path, file);
  EXPECT_EQ(exec.filename, "link");
  EXPECT_EQ(exec.cwd + "/", folder_ / "");
  expect_file(exec.payload.exe, file);
}

TEST_F(ExecTest, TellsTheSameFileAlikeAndACopyApart) {
  const file_id original = the_exec(run(exec_target(), {"x"})).payload.exe;
  const file_id again = the_exec(run(exec_target(), {"x"})).payload.exe;
  const file_id copy = the_exec(run(copy_to("copy"), {"x"})).payload.exe;
  EXPECT_EQ(std::memcmp(&original, &again, sizeof(original)), 0);
  EXPECT_NE(std::memcmp(&original, &copy, sizeof(original)), 0);
}

TEST_F(ExecTest, TellsAScriptAndItsInterpreter) {
  const std::string interpreter = copy_to("interpreter");
  const std::string script = folder_ / "script";
  write_file(script, "#!" + interpreter + " -e\n", 0755);
  const Seen exec = the_exec(run(script, {"script", "argument"}));
  EXPECT_EQ(exec.path, interpreter);
  EXPECT_EQ(exec.filename, script);
  EXPECT_EQ(exec.payload.flags, kHost | EXEC_SCRIPT | place_flags(interpreter));
  EXPECT_EQ(exec.args, interpreter + '\0' + "-e" + '\0' + script + '\0' + "argument" + '\0');
  expect_file(exec.payload.exe, interpreter);
}

TEST_F(ExecTest, TellsAProgramFromMemory) {
  const std::string text = [] {
    std::string bytes(std::filesystem::file_size(exec_target()), '\0');
    const int file = open(exec_target().c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(read(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(file);
    return bytes;
  }();
  const Seen exec = the_exec(in_child([&] {
    const int memory = memfd_create("hidden", MFD_CLOEXEC);
    if (write(memory, text.data(), text.size()) < 0) return errno;
    char name[] = "x";
    char* const argv[] = {name, nullptr};
    char* const environment[] = {nullptr};
    fexecve(memory, argv, environment);
    return errno;
  }));
  EXPECT_EQ(exec.payload.flags, kHost | EXEC_MEMFD);
  EXPECT_EQ(exec.path, "/memfd:hidden");
  EXPECT_TRUE(exec.filename.starts_with("/dev/fd/")) << exec.filename;
}

TEST_F(ExecTest, TellsADeletedFile) {
  const std::string file = copy_to("gone");
  const Seen exec = the_exec(in_child([&] {
    const int opened = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    unlink(file.c_str());
    char name[] = "x";
    char* const argv[] = {name, nullptr};
    char* const environment[] = {nullptr};
    fexecve(opened, argv, environment);
    return errno;
  }));
  EXPECT_NE(exec.payload.flags & EXEC_DELETED, 0U);
  EXPECT_EQ(exec.path, file);
}

TEST_F(ExecTest, TellsTheLayerOfAnOverlay) {
  for (const char* part : {"lower", "upper", "work", "root"}) {
    std::filesystem::create_directory(folder_ / part);
  }
  copy_to("lower/image");
  copy_to("lower/touched");
  const std::string options = "lowerdir=" + (folder_ / "lower") +
                              ",upperdir=" + (folder_ / "upper") + ",workdir=" + (folder_ / "work");
  const std::string root = folder_ / "root";
  ASSERT_EQ(mount("overlay", root.c_str(), "overlay", 0, options.c_str()), 0)
      << std::strerror(errno);
  copy_to("root/added");
  EXPECT_EQ(chmod((root + "/touched").c_str(), 0700), 0);
  for (const auto& [name, flags] : {std::pair("image", kHost | EXEC_OVERLAY),
                                    std::pair("added", kHost | EXEC_OVERLAY | EXEC_UPPER),
                                    std::pair("touched", kHost | EXEC_OVERLAY | EXEC_UPPER)}) {
    const std::string file = root + "/" + name;
    const Seen exec = the_exec(run(file, {"x"}));
    EXPECT_EQ(exec.payload.flags, flags) << name;
    EXPECT_EQ(exec.path, file);
    expect_file(exec.payload.exe, file);
  }
  EXPECT_EQ(umount(root.c_str()), 0);
}

TEST_F(ExecTest, TellsPathsAsTheContainerHasThem) {
  const std::string root = folder_ / "rootfs";
  std::filesystem::create_directories(root + "/app");
  std::filesystem::create_directories(root + "/old");
  copy_to("rootfs/app/server");
  const Seen exec = the_exec(run("/app/server", {"server"}, [&] {
    unshare(CLONE_NEWNS);
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr);
    syscall(SYS_pivot_root, root.c_str(), (root + "/old").c_str());
    chdir("/app");
    umount2("/old", MNT_DETACH);
  }));
  EXPECT_EQ(exec.path, "/app/server");
  EXPECT_EQ(exec.cwd, "/app");
  EXPECT_EQ(exec.payload.flags & EXEC_HOST_MNTNS, 0U);
}

TEST_F(ExecTest, IsNotFooledByAChroot) {
  const std::string root = folder_ / "fake";
  std::filesystem::create_directories(root + "/usr/bin");
  copy_to("fake/usr/bin/server");
  const Seen exec = the_exec(run("/usr/bin/server", {"server"}, [&] {
    chroot(root.c_str());
    chdir("/");
  }));
  EXPECT_EQ(exec.path, root + "/usr/bin/server");
  EXPECT_EQ(exec.cwd, root);
  EXPECT_EQ(exec.filename, "/usr/bin/server");
}

TEST_F(ExecTest, KeepsTheEndOfALongPathAndAllOfTheArguments) {
  std::string deep = folder_ / "";
  for (char letter = 'a'; letter < 'i'; ++letter) {
    deep += std::string(200, letter);
    mkdir(deep.c_str(), 0755);
    deep += '/';
  }
  const std::string file = deep + "program";
  std::filesystem::copy_file(exec_target(), file);
  const Seen exec = the_exec(run(file, {"x", "kept"}, [&] { chdir(deep.c_str()); }));
  EXPECT_NE(exec.payload.flags & EXEC_PATH_CUT, 0U);
  EXPECT_EQ(exec.payload.flags & EXEC_ARGS_CUT, 0U);
  EXPECT_TRUE(file.ends_with(exec.path)) << exec.path;
  EXPECT_GT(exec.path.size(), EVENT_PATH_MAX / 2U);
  EXPECT_EQ(exec.filename, file.substr(0, EVENT_PATH_MAX - 1));
  EXPECT_TRUE((deep).ends_with(exec.cwd + "/")) << exec.cwd;
  EXPECT_EQ(exec.args, std::string("x\0kept\0", 7));
}

TEST_F(ExecTest, KeepsTheEndOfADeepPath) {
  std::string deep = folder_ / "";
  for (int i = 0; i < 60; ++i) deep += "d/";
  std::filesystem::create_directories(deep);
  std::filesystem::copy_file(exec_target(), deep + "program");
  const Seen exec = the_exec(run(deep + "program", {"x"}));
  EXPECT_NE(exec.payload.flags & EXEC_PATH_CUT, 0U);
  EXPECT_TRUE(exec.path.ends_with("/d/d/d/program")) << exec.path;
}

TEST_F(ExecTest, CutsLongArgumentsAndKeepsThePath) {
  const std::string file = copy_to("program");
  const std::string longer(100'000, 'a');
  const Seen exec = the_exec(run(file, {"x", longer}));
  EXPECT_EQ(exec.payload.flags, kHost | EXEC_ARGS_CUT | place_flags(file));
  EXPECT_EQ(exec.path, file);
  EXPECT_EQ(exec.args, (std::string("x\0", 2) + longer).substr(0, EVENT_ARGS_MAX));
}

TEST_F(ExecTest, TellsArgumentsOfExactlyTheBoundUncut) {
  const std::string file = copy_to("program");
  const Seen exec = the_exec(run(file, {std::string(EVENT_ARGS_MAX - 1, 'a')}));
  EXPECT_EQ(exec.payload.flags, kHost | place_flags(file));
  EXPECT_EQ(exec.payload.args_size, EVENT_ARGS_MAX);
}

TEST_F(ExecTest, TellsTheRootItselfAsWorkingDirectory) {
  EXPECT_EQ(the_exec(run(exec_target(), {"x"}, [] { chdir("/"); })).cwd, "/");
}

TEST_F(ExecTest, TellsTheUser) {
  const Seen exec = the_exec(run(copy_to("program"), {"x"}, [] { setuid(12345); }));
  EXPECT_EQ(exec.payload.uid, 12345U);
}

TEST_F(ExecTest, TellsAControllingTerminal) {
  const std::string file = copy_to("program");
  const Seen exec = the_exec(run(file, {"x"}, [] {
    int leader = -1;
    int terminal = -1;
    setsid();
    openpty(&leader, &terminal, nullptr, nullptr, nullptr);
    ioctl(terminal, TIOCSCTTY, 0);
  }));
  EXPECT_EQ(exec.payload.flags, kHost | EXEC_TTY | place_flags(file));
}

TEST_F(ExecTest, TellsTheProcessWhenAThreadExecutes) {
  const std::string file = copy_to("program");
  const Acted child = in_child([&] {
    std::thread([&] {
      char name[] = "x";
      char* const argv[] = {name, nullptr};
      char* const environment[] = {nullptr};
      execve(file.c_str(), argv, environment);
    }).join();
    return 1;
  });
  expect_header(the_exec(child).record, EVENT_exec, child);
}

TEST_F(ExecTest, IsSilentWhereNothingRan) {
  const std::string text = folder_ / "text";
  write_file(text, "no program\n", 0755);
  const std::string barred = folder_ / "barred";
  write_file(barred, "", 0644);
  EXPECT_EQ(WEXITSTATUS(run("/missing", {"x"}).status), ENOENT);
  EXPECT_EQ(WEXITSTATUS(run(text, {"x"}).status), ENOEXEC);
  EXPECT_EQ(WEXITSTATUS(run(barred, {"x"}).status), EACCES);
  EXPECT_TRUE(select(seen(), EVENT_exec).empty());
}

}  // namespace
}  // namespace idtrail::test
