// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

constexpr std::uint32_t kAttach = 0x2;  // the kernel's PTRACE_MODE_*
constexpr std::uint32_t kFsCreds = 0x8;
constexpr std::uint32_t kRealCreds = 0x10;
constexpr char kVictim[] = "victim";

using PtraceTest = ProbeTest;

/// What a child did to a process of its own, whose tgid is there too.
struct Traced {
  Used used;
  std::uint32_t victim = 0;
};

Traced trace_in_child(const std::function<int(pid_t)>& act) {
  const Shared<pid_t> victim;
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  Traced traced{.used = privilege_in_child(EVENT_ptrace, [&] {
                  const pid_t child = fork();
                  if (child == 0) {
                    prctl(PR_SET_NAME, kVictim);
                    if (write(ready[1], "x", 1) == 1) pause();
                    _exit(0);
                  }
                  *victim = child;
                  char byte = 0;
                  if (read(ready[0], &byte, 1) != 1) return 100;
                  const int result = act(child);
                  kill(child, SIGKILL);
                  return result;
                })};
  traced.victim = static_cast<std::uint32_t>(*victim);
  close(ready[0]);
  close(ready[1]);
  return traced;
}

/// Checks start and cgroup of the other process, which cannot be foretold to the nanosecond.
std::vector<Use> uses_of(const Traced& traced) {
  std::vector<Use> uses = uses_of(traced.used);
  for (Use& use : uses) {
    EXPECT_GE(use.first, traced.used.child.before_ns);
    EXPECT_LE(use.first, traced.used.child.ended_ns);
    EXPECT_EQ(use.second, own_cgroup_id());
    use.first = 0;
    use.second = 0;
  }
  return uses;
}

Use access(const Traced& traced, std::uint32_t mode) {
  return {.op = PTRACE_ACCESS, .flags = mode, .name = kVictim, .target_tgid = traced.victim};
}

TEST_F(PtraceTest, TellsThatADebuggerAttaches) {
  for (const auto request : {PTRACE_ATTACH, PTRACE_SEIZE}) {
    const Traced traced = trace_in_child(
        [&](pid_t victim) { return static_cast<int>(ptrace(request, victim, nullptr, nullptr)); });
    EXPECT_EQ(traced.used.child.status, 0);
    EXPECT_THAT(uses_of(traced), ElementsAre(access(traced, kAttach | kRealCreds)));
  }
}

TEST_F(PtraceTest, TellsWhoReadsAndWritesForeignMemory) {
  static char bytes[8];
  const Traced traced = trace_in_child([&](pid_t victim) {
    const iovec here{.iov_base = bytes, .iov_len = sizeof(bytes)};
    const bool done = process_vm_readv(victim, &here, 1, &here, 1, 0) == sizeof(bytes) &&
                      process_vm_writev(victim, &here, 1, &here, 1, 0) == sizeof(bytes);
    return done ? 0 : 1;
  });
  EXPECT_EQ(traced.used.child.status, 0);
  EXPECT_THAT(uses_of(traced), ElementsAre(access(traced, kAttach | kRealCreds),
                                           access(traced, kAttach | kRealCreds)));
}

TEST_F(PtraceTest, TellsWhoOpensForeignMemory) {
  const Traced traced = trace_in_child([](pid_t victim) {
    const std::string file = "/proc/" + std::to_string(victim) + "/mem";
    return open(file.c_str(), O_RDWR) >= 0 ? 0 : 1;
  });
  EXPECT_EQ(traced.used.child.status, 0);
  EXPECT_THAT(uses_of(traced), ElementsAre(access(traced, kAttach | kFsCreds)));
}

TEST_F(PtraceTest, TellsARefusal) {
  const Traced traced = trace_in_child([](pid_t victim) {
    if (setuid(65534) != 0) return 2;
    return ptrace(PTRACE_SEIZE, victim, nullptr, nullptr) == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(traced.used.child.status, 0);
  Use refused = access(traced, kAttach | kRealCreds);
  refused.result = -EPERM;
  refused.uid = 65534;
  EXPECT_THAT(uses_of(traced), ElementsAre(refused));
}

TEST_F(PtraceTest, TellsWhoAsksToBeTraced) {
  const Used used = privilege_in_child(
      EVENT_ptrace, [] { return static_cast<int>(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); });
  EXPECT_EQ(used.child.status, 0);
  ASSERT_EQ(used.uses.size(), 1U);
  Use use = use_of(used.uses[0]);
  EXPECT_EQ(use.first, used.uses[0].parent_start_boot_ns);
  use.first = use.second = 0;
  EXPECT_EQ(use, (Use{.op = PTRACE_OFFER,
                      .name = "bpf_tests",
                      .target_tgid = static_cast<std::uint32_t>(getpid())}));
}

TEST_F(PtraceTest, IsSilentAboutOrdinaryLooksAndAProcessOnItself) {
  const Traced traced = trace_in_child([](pid_t victim) {
    const std::string place = "/proc/" + std::to_string(victim);
    for (const char* file : {"/stat", "/maps", "/environ", "/cmdline"}) {
      std::ifstream(place + file).get();
    }
    char link[64];
    const bool done = readlink((place + "/exe").c_str(), link, sizeof(link)) > 0 &&
                      open("/proc/self/mem", O_RDWR) >= 0;
    return done ? 0 : 1;
  });
  EXPECT_EQ(traced.used.child.status, 0);
  EXPECT_TRUE(traced.used.uses.empty());
}

}  // namespace
}  // namespace idtrail::test
