// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

using ExitTest = ProbeTest;

/// The one exit record of the child.
Record the_exit(const Acted& child) {
  const Records exits = select(drain(shared_sensor()), EVENT_exit, child.tgid);
  EXPECT_EQ(exits.size(), 1U);
  return exits.empty() ? Record{} : exits.front();
}

/// Ends this thread alone: pthread_exit() and return from main() end or unwind more.
[[noreturn]] void end_this_thread() {
  syscall(SYS_exit, 0);
  __builtin_unreachable();
}

TEST_F(ExitTest, TellsTheCodeAsWaitDoes) {
  const Acted child = in_child([] { return 3; });
  const Record record = the_exit(child);
  expect_header(record, EVENT_exit, child);
  const auto payload = record.payload<exit_payload>();
  EXPECT_EQ(payload.exit_code, 3 << 8);
  EXPECT_EQ(payload.exit_code, child.status);
  EXPECT_EQ(payload.reserved, 0U);
  EXPECT_EQ(record.body.size(), sizeof(exit_payload));
}

TEST_F(ExitTest, TellsTheSignalThatKilled) {
  const Acted child = in_child([] {
    raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(the_exit(child).payload<exit_payload>().exit_code, SIGKILL);
}

TEST_F(ExitTest, ComesOnceForAProcessOfManyThreads) {
  const Acted child = in_child([] {
    std::thread([] {}).join();
    std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      _exit(5);
    }).detach();
    end_this_thread();  // the leader goes first
    return 0;
  });
  const Record record = the_exit(child);
  EXPECT_EQ(record.payload<exit_payload>().exit_code, 5 << 8);
  EXPECT_NE(record.header.tid, child.tgid) << "the last thread is told, not the leader";
}

TEST_F(ExitTest, DoesNotTakeALostTerminalForAnEnd) {
  const Acted child = in_child([] {
    int leader = -1;
    int terminal = -1;
    signal(SIGHUP, SIG_IGN);  // which a session's leader is sent with its terminal's loss
    setsid();
    if (openpty(&leader, &terminal, nullptr, nullptr, nullptr) != 0) return 1;
    if (ioctl(terminal, TIOCSCTTY, 0) != 0) return 2;
    return ioctl(terminal, TIOCNOTTY) == 0 ? 0 : 3;
  });
  EXPECT_EQ(the_exit(child).payload<exit_payload>().exit_code, 0);
}

}  // namespace
}  // namespace idtrail::test
