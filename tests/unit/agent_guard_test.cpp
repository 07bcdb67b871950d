// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/privileges.h"
#include "agent/self_test.h"
#include "agent/self_watch.h"
#include "agent/system_calls.h"
#include "tests/unit/agent_records.h"

namespace idtrail {
namespace {

using testing::kSecond;

/// The exit code of what a child of ours does; 128 and more where a signal ended it.
template <typename Act>
int in_child(Act act) {
  const pid_t child = fork();
  if (child == 0) _exit(act());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string status_line(const std::string& key) {
  std::array<char, 8192> text{};
  const int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t size = read(fd, text.data(), text.size());
  close(fd);
  const std::string all(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const auto at = all.find("\n" + key + ":\t");
  if (at == std::string::npos) return {};
  const auto start = at + key.size() + 3;
  return all.substr(start, all.find('\n', start) - start);
}

// ---- Rights ----

TEST(Privileges, AreLaidDownForGood) {
  EXPECT_EQ(in_child([] {
              if (!drop_all_capabilities()) return 1;
              if (status_line("CapEff") != "0000000000000000") return 2;
              if (status_line("CapPrm") != "0000000000000000") return 3;
              return status_line("NoNewPrivs") == "1" ? 0 : 4;
            }),
            0);
}

TEST(Privileges, OnlyWhatIsNeededLaterIsKept) {
  EXPECT_EQ(in_child([] {
              if (!drop_capabilities()) return 1;
              constexpr std::uint64_t kKept = 1ULL << 39U | 1ULL << 19U | 1ULL << 2U;
              const auto held = std::stoull(status_line("CapEff"), nullptr, 16);
              return (held & ~kKept) == 0 ? 0 : 2;
            }),
            0);
}

// ---- System calls ----

template <typename Call>
bool is_refused(Call call) {
  errno = 0;
  return call() < 0 && errno == EPERM;
}

TEST(SystemCalls, WhatAnAgentNeverDoesIsRefusedAndCounted) {
  EXPECT_EQ(in_child([] {
              if (!confine_agent()) return 1;
              char* const arguments[] = {nullptr};
              if (!is_refused([&] { return execve("/bin/true", arguments, arguments); })) return 2;
              if (!is_refused([] { return ptrace(PTRACE_TRACEME, 0, 0, 0); })) return 3;
              if (!is_refused([] { return mount("none", "/tmp", "tmpfs", 0, ""); })) return 4;
              if (!is_refused([] { return fork(); })) return 5;
              if (!is_refused([] { return kill(getppid(), 0); })) return 6;
              if (!is_refused([] { return socket(AF_NETLINK, SOCK_RAW, 0); })) return 7;
              const auto executable = [] {
                void* at =
                    mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                return at == MAP_FAILED ? -1 : 0;
              };
              if (!is_refused(executable)) return 8;
              return refused_calls().count == 7 ? 0 : 9;
            }),
            0);
}

TEST(SystemCalls, WhatAnAgentDoesGoesOn) {
  EXPECT_EQ(in_child([] {
              if (!confine_agent()) return 1;
              int done = 0;
              std::thread([&done] { done = 1; }).join();
              if (done != 1) return 2;
              const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
              char byte = 0;
              if (file < 0 || read(file, &byte, 1) != 1) return 3;
              const int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
              if (local < 0) return 4;
              return refused_calls().count == 0 ? 0 : 5;
            }),
            0);
}

TEST(SystemCalls, ThreadsThatRunAlreadyAreConfinedToo) {
  EXPECT_EQ(in_child([] {
              std::array<int, 2> go{};
              if (pipe(go.data()) != 0) return 1;
              bool refused = false;
              std::thread other([&] {
                char byte = 0;
                if (read(go[0], &byte, 1) != 1) return;
                refused = is_refused([] { return kill(getppid(), 0); });
              });
              const bool confined = static_cast<bool>(confine_agent());
              const bool told = write(go[1], "x", 1) == 1;
              other.join();
              return confined && told && refused ? 0 : 2;
            }),
            0);
}

// ---- Self-test ----

TEST(SelfTestHelper, ActsWhenItIsAskedTo) {
  auto helper = SelfTestHelper::start();
  ASSERT_TRUE(helper) << helper.error().message;
  EXPECT_NE(helper->tgid(), 0U);
  EXPECT_FALSE(helper->has_acted());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(helper->ask());
    bool acted = false;
    for (int tries = 0; tries < 2000 && !acted; ++tries) {
      acted = helper->has_acted();
      if (!acted) usleep(5000);
    }
    EXPECT_TRUE(acted);
  }
}

TEST(SelfTestHelper, IsNotAskedOnceItIsGone) {
  auto helper = SelfTestHelper::start();
  ASSERT_TRUE(helper) << helper.error().message;
  const auto pid = static_cast<pid_t>(helper->tgid());
  kill(pid, SIGKILL);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  EXPECT_FALSE(helper->ask());
}

/// The state of a test, with a helper that does as it is told.
struct Tested {
  std::vector<v1::GapFact> gaps;
  bool takes = true;
  int asked = 0;
  int answers = 0;
  std::uint64_t now = 100 * kSecond;
  SelfTest test;

  explicit Tested(SelfTest::Expected expected = {true, true})
      : test(77,
             {.ask =
                  [this] {
                    ++asked;
                    return takes;
                  },
              .has_acted = [this] { return answers > 0 && answers-- > 0; }},
             expected, [this](const v1::Fact& fact) { gaps.push_back(fact.gap()); }) {
    look();
  }
  void look() { test.look(now); }
  void pass(std::uint64_t ns) {
    now += ns;
    look();
  }
  void back(std::uint16_t kind, std::uint32_t tgid = 77) {
    test.on_record(testing::privilege_record({.at = now, .tgid = tgid}, kind));
  }
  void answer() {
    back(EVENT_memfd);
    back(EVENT_connect);
    ++answers;
  }
};

TEST(SelfTest, PassesWhenBothRingsBringTheActBack) {
  Tested one;
  EXPECT_EQ(one.asked, 1);
  for (int i = 0; i < 5; ++i) {
    one.answer();
    one.pass(kSecond);
    one.pass(SelfTest::kEveryNs);
  }
  EXPECT_EQ(one.test.passed(), 5U);
  EXPECT_EQ(one.asked, 6);
  EXPECT_TRUE(one.gaps.empty());
}

TEST(SelfTest, MissesARingThatBringsNothing) {
  Tested one;
  const std::uint64_t well = one.now;
  one.answer();
  one.pass(SelfTest::kEveryNs);
  ++one.answers;
  one.back(EVENT_memfd);
  one.pass(SelfTest::kBoundNs - 1);
  EXPECT_TRUE(one.gaps.empty());
  one.pass(1);
  ASSERT_EQ(one.gaps.size(), 1U);
  EXPECT_EQ(one.gaps[0].cause(), "self-test-missing");
  EXPECT_EQ(one.gaps[0].object(), "connect");
  EXPECT_EQ(one.gaps[0].from_boot_ns(), well);
  EXPECT_EQ(one.gaps[0].until_boot_ns(), one.now);
}

TEST(SelfTest, ActsOfOthersAndEarlierOnesDoNotCount) {
  Tested one;
  ++one.answers;
  one.back(EVENT_memfd, 78);
  one.back(EVENT_connect, 78);
  one.now -= 1;
  one.back(EVENT_memfd);
  one.back(EVENT_connect);
  one.pass(SelfTest::kBoundNs + 1);
  ASSERT_EQ(one.gaps.size(), 1U);
  EXPECT_EQ(one.gaps[0].object(), "memfd");
}

TEST(SelfTest, WaitsForNoProbeThatWasRefused) {
  Tested one({.urgent = true, .bulk = false});
  ++one.answers;
  one.back(EVENT_memfd);
  one.pass(kSecond);
  EXPECT_EQ(one.test.passed(), 1U);
}

TEST(SelfTest, TellsAtOnceThatTheHelperIsGone) {
  Tested one;
  one.answer();
  one.takes = false;
  one.pass(SelfTest::kEveryNs);
  ASSERT_EQ(one.gaps.size(), 1U);
  EXPECT_EQ(one.gaps[0].object(), "helper");
}

// ---- What others do to the agent ----

struct Watched {
  std::vector<v1::GapFact> gaps;
  std::vector<SensorDamage> damages;
  std::vector<MissedRuns> missed;
  std::uint32_t tracer = 0;
  RefusedCalls refused{};
  std::optional<SignalSender> continued;
  std::uint64_t now = 100 * kSecond;
  SelfWatch watch{{.damages = [this] { return damages; },
                   .missed = [this] { return missed; },
                   .tracer = [this] { return tracer; },
                   .refused = [this] { return refused; },
                   .continued = [this] { return std::exchange(continued, std::nullopt); }},
                  [this](const v1::Fact& fact) { gaps.push_back(fact.gap()); }};

  Watched() { watch.look(now); }
  void pass(std::uint64_t ns) {
    for (const std::uint64_t end = now + ns; now < end;) {
      now += kSecond / 2;
      watch.look(now);
    }
  }
};

TEST(SelfWatch, SaysNothingWhereNothingIs) {
  Watched one;
  one.pass(60 * kSecond);
  EXPECT_TRUE(one.gaps.empty());
}

TEST(SelfWatch, TellsOfAStopWithItsTimeAndItsSender) {
  Watched one;
  one.pass(20 * kSecond);
  const std::uint64_t before = one.now;
  one.now += 3 * kSecond;
  one.continued = SignalSender{.pid = 4711, .uid = 1000};
  one.watch.look(one.now);
  ASSERT_EQ(one.gaps.size(), 1U);
  EXPECT_EQ(one.gaps[0].cause(), "agent-stopped");
  EXPECT_EQ(one.gaps[0].from_boot_ns(), before);
  EXPECT_EQ(one.gaps[0].until_boot_ns(), one.now);
  EXPECT_NE(one.gaps[0].text().find("process 4711 of uid 1000"), std::string::npos);
}

TEST(SelfWatch, ABusyNodeIsNoStop) {
  Watched one;
  one.now += SelfWatch::kDelayNs - 1;
  one.watch.look(one.now);
  EXPECT_TRUE(one.gaps.empty());
}

TEST(SelfWatch, AFrozenAgentIsADelay) {
  Watched one;
  one.now += SelfWatch::kDelayNs;
  one.watch.look(one.now);
  ASSERT_EQ(one.gaps.size(), 1U);
  EXPECT_EQ(one.gaps[0].cause(), "agent-delayed");
}

TEST(SelfWatch, ASigcontWithoutAStopIsForgotten) {
  Watched one;
  one.continued = SignalSender{.pid = 4711};
  one.pass(15 * kSecond);
  one.now += 3 * kSecond;
  one.watch.look(one.now);
  EXPECT_TRUE(one.gaps.empty());
}

TEST(SelfWatch, TellsEachDamageOnceWhileItLasts) {
  Watched one;
  one.damages = {{.probe = true, .name = "fentry/x", .what = "gone"},
                 {.probe = false, .name = "control", .what = "changed"}};
  one.pass(60 * kSecond);
  ASSERT_EQ(one.gaps.size(), 2U);
  EXPECT_EQ(one.gaps[0].cause(), "probe-detached");
  EXPECT_EQ(one.gaps[0].object(), "fentry/x");
  EXPECT_EQ(one.gaps[1].cause(), "map-changed");
  one.damages.clear();
  one.pass(20 * kSecond);
  one.damages = {{.probe = false, .name = "control", .what = "changed"}};
  one.pass(20 * kSecond);
  EXPECT_EQ(one.gaps.size(), 3U);
}

TEST(SelfWatch, TellsOfRunsThatWereLeftOutSinceItLooks) {
  Watched one;
  one.missed = {{.hook = "fentry/x", .count = 7}, {.hook = "fentry/y", .count = 0}};
  one.pass(SelfWatch::kAskMissedNs);
  EXPECT_TRUE(one.gaps.empty()) << "what was missed before is not of its time";
  one.missed[0].count = 10;
  one.pass(60 * kSecond);
  ASSERT_EQ(one.gaps.size(), 1U);
  EXPECT_EQ(one.gaps[0].cause(), "runs-missed");
  EXPECT_EQ(one.gaps[0].object(), "fentry/x");
  EXPECT_NE(one.gaps[0].text().find("left out 3 runs"), std::string::npos);
  EXPECT_EQ(one.gaps[0].until_boot_ns() - one.gaps[0].from_boot_ns(), SelfWatch::kAskMissedNs);
  one.missed[0].count = 11;
  one.pass(SelfWatch::kMissedNs - 60 * kSecond);
  EXPECT_EQ(one.gaps.size(), 1U) << "not again so soon";
  one.pass(60 * kSecond);
  ASSERT_EQ(one.gaps.size(), 2U) << "and not forgotten";
  EXPECT_EQ(one.gaps[1].from_boot_ns(), one.gaps[0].until_boot_ns());
}

TEST(SelfWatch, TellsOfATracerAndOfRefusedCalls) {
  Watched one;
  one.tracer = 99;
  one.refused = {.count = 2, .last = 59};
  one.pass(40 * kSecond);
  ASSERT_EQ(one.gaps.size(), 2U);
  EXPECT_EQ(one.gaps[0].cause(), "agent-traced");
  EXPECT_EQ(one.gaps[1].cause(), "call-refused");
  EXPECT_EQ(one.gaps[1].object(), "system call 59");
}

TEST(SelfWatch, NobodyTracesThisTest) { EXPECT_EQ(tracer_of_self(), 0U); }

}  // namespace
}  // namespace idtrail
