// SPDX-License-Identifier: Apache-2.0
#include "agent/system_calls.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>

namespace idtrail {
namespace {

struct FilterCloser {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterCloser>;

// What strace sees of an agent under load, and what glibc, gRPC, SQLite and the metrics page do at
// times. A name that this machine does not have is left out.
constexpr const char* kAgentCalls[] = {
    // memory and threads
    "brk", "munmap", "mremap", "madvise", "futex", "futex_waitv", "set_robust_list", "rseq",
    "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "membarrier",
    "exit", "exit_group", "gettid", "getpid", "getppid", "tgkill", "wait4", "waitid", "getrusage",
    "sysinfo", "uname", "getuid", "geteuid", "getgid", "getegid", "getrandom", "prlimit64",
    "getcpu",
    // signals and time
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "nanosleep",
    "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "timerfd_create",
    "timerfd_settime", "timerfd_gettime",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe2",
    // files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "open",
    "openat", "openat2", "close", "close_range", "dup", "fcntl", "flock", "stat", "fstat", "lstat",
    "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "getdents64",
    "readlink", "readlinkat", "getcwd", "ftruncate", "fallocate", "fsync", "fdatasync", "fchmod",
    "fchown", "chmod", "fchmodat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink",
    "unlinkat", "rmdir", "utimensat", "umask",
    // sockets
    "connect", "accept", "accept4", "bind", "listen", "shutdown", "sendto", "recvfrom", "sendmsg",
    "recvmsg", "sendmmsg", "recvmmsg", "getsockname", "getpeername", "getsockopt", "setsockopt"};

constexpr const char* kHelperCalls[] = {
    "read",    "write",      "close", "memfd_create", "socket",
    "connect", "exit_group", "exit",  "rt_sigreturn", "clock_gettime"};

#ifdef __SANITIZE_THREAD__
// Its runtime starts a thread of its own in every process, with all signals blocked: what that is
// refused ends the process.
constexpr const char* kRuntimeCalls[] = {"set_robust_list", "rt_sigprocmask", "rseq", "nanosleep",
                                         "gettimeofday"};
#endif

// Maps and their elements, a walk over one by a program that is attached to it, and what a program
// or link is. No load, no attach.
constexpr bpf_cmd kBpfCommands[] = {
    BPF_MAP_LOOKUP_ELEM,    BPF_MAP_UPDATE_ELEM,  BPF_MAP_DELETE_ELEM,
    BPF_MAP_GET_NEXT_KEY,   BPF_MAP_LOOKUP_BATCH, BPF_MAP_LOOKUP_AND_DELETE_BATCH,
    BPF_MAP_UPDATE_BATCH,   BPF_MAP_DELETE_BATCH, BPF_MAP_LOOKUP_AND_DELETE_ELEM,
    BPF_OBJ_GET_INFO_BY_FD, BPF_ITER_CREATE,
};

// Of the process, since a signal's action is the process's.
std::atomic<std::uint64_t> g_refused_count{0};
std::atomic<int> g_refused_last{-1};

/// The refused call returns EPERM to whoever made it.
void on_refused(int /*signal*/, siginfo_t* info, void* context) {
  g_refused_last.store(info->si_syscall, std::memory_order_relaxed);
  g_refused_count.fetch_add(1, std::memory_order_relaxed);
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  machine.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  machine.regs[0] = static_cast<unsigned long long>(-EPERM);
#else
#error "which register holds a system call's result?"
#endif
}

scmp_arg_cmp equal(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

/// One allow-list in the making; the first error sticks.
class AllowList {
 public:
  AllowList() : filter_(seccomp_init(SCMP_ACT_TRAP)) {
    if (!filter_) error_ = -ENOMEM;
    note(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
  }

  void allow(const char* name) {
    if (const int number = find(name); number >= 0) {
      note(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, number, 0));
    }
  }
  void allow_where(const char* name, scmp_arg_cmp argument) {
    if (const int number = find(name); number >= 0) {
      note(seccomp_rule_add_array(filter_.get(), SCMP_ACT_ALLOW, number, 1, &argument));
    }
  }
  void answer(const char* name, int error) {
    if (const int number = find(name); number >= 0) {
      note(seccomp_rule_add(filter_.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)),
                            number, 0));
    }
  }

  Result<void> load() {
    note(seccomp_load(filter_.get()));
    if (error_ == 0) return {};
    return Error{Errc::kUnsupported,
                 fmt::format("filter system calls: {}", std::strerror(-error_))};
  }

 private:
  static int find(const char* name) { return seccomp_syscall_resolve_name(name); }
  void note(int result) {
    if (error_ == 0 && result < 0) error_ = result;
  }

  Filter filter_;
  int error_ = 0;
};

Result<void> watch_refusals() {
  struct sigaction action {};
  action.sa_sigaction = on_refused;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSYS, &action, nullptr) == 0) return {};
  return Error{Errc::kInternal, fmt::format("watch SIGSYS: {}", std::strerror(errno))};
}

/// Data only: what is mapped, or changed afterwards, is never made executable.
void allow_memory(AllowList& list) {
  for (const char* name : {"mmap", "mprotect"}) {
    list.allow_where(name, masked(2, PROT_EXEC, 0));
  }
}

/// Threads, no processes. clone3 hides its flags from filters, so glibc is sent back to clone.
void allow_threads(AllowList& list) {
  list.answer("clone3", ENOSYS);
  list.allow_where("clone", masked(0, CLONE_THREAD, CLONE_THREAD));
}

}  // namespace

Result<void> confine_agent() {
  if (auto watched = watch_refusals(); !watched) return watched.error();
  AllowList list;
  for (const char* name : kAgentCalls) list.allow(name);
  allow_memory(list);
  allow_threads(list);
  // Other sockets than these would see packets or change the node.
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
    list.allow_where("socket", equal(0, static_cast<std::uint64_t>(family)));
  }
  for (const bpf_cmd command : kBpfCommands) list.allow_where("bpf", equal(0, command));
  list.allow_where("prctl", equal(0, PR_SET_NAME));
  // Whether output is a terminal; gRPC asks how much is there to read.
  for (const unsigned long request : {0x5401UL /* TCGETS */, 0x541bUL /* FIONREAD */}) {
    list.allow_where("ioctl", equal(1, request));
  }
  return list.load();
}

Result<void> confine_helper() {
  if (auto watched = watch_refusals(); !watched) return watched.error();
  AllowList list;
  for (const char* name : kHelperCalls) list.allow(name);
#ifdef __SANITIZE_THREAD__
  for (const char* name : kRuntimeCalls) list.allow(name);
#endif
  return list.load();
}

RefusedCalls refused_calls() {
  return {.count = g_refused_count.load(std::memory_order_relaxed),
          .last = g_refused_last.load(std::memory_order_relaxed)};
}

}  // namespace idtrail
