// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/stacks.h"
#include "agent/symbol_helper.h"
#include "tests/unit/agent_records.h"

namespace idtrail {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

__attribute__((noinline)) int named_for_the_test(int number) { return number + 1; }

std::uint64_t address_of(int (*function)(int)) {
  return reinterpret_cast<std::uintptr_t>(function) + 1;
}

Stack stack_at(std::uint32_t tgid, std::vector<std::uint64_t> addresses) {
  return {.tgid = tgid, .tid = tgid, .boot_ns = 1, .addresses = std::move(addresses)};
}

TEST(Stacks, NamesFunctionsByTheFilesOfTheProcess) {
  const auto frames = symbolise(
      stack_at(static_cast<std::uint32_t>(getpid()), {address_of(named_for_the_test), 1}));
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_THAT(frames[0], HasSubstr("named_for_the_test"));
  EXPECT_THAT(frames[0], HasSubstr("agent_stacks_test"));
  EXPECT_EQ(frames[1], "0x1");
}

TEST(Stacks, TellsFileAndOffsetWhereTheSymbolsAreTooManyToRead) {
  SymbolBounds bounds;
  bounds.module = 1;
  const auto frames = symbolise(
      stack_at(static_cast<std::uint32_t>(getpid()), {address_of(named_for_the_test)}), bounds);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_THAT(frames[0], MatchesRegex("/.*agent_stacks_test\\+0x[0-9a-f]+"));
}

TEST(Stacks, TellsAddressesOfAProcessThatHasEnded) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_THAT(symbolise(stack_at(static_cast<std::uint32_t>(child), {0x1234, 0x5678})),
              ::testing::ElementsAre("0x1234", "0x5678"));
}

TEST(Stacks, TellsAddressesWhenTheTimeIsUp) {
  SymbolBounds bounds;
  bounds.time = std::chrono::milliseconds(0);
  EXPECT_THAT(symbolise(stack_at(static_cast<std::uint32_t>(getpid()), {0x1234}), bounds),
              ::testing::ElementsAre("0x1234"));
}

TEST(Stacks, TheSymboliserRestsAfterEachStack) {
  Symboliser symboliser([](const Stack& one) { return symbolise(one); });
  const Stack stack =
      stack_at(static_cast<std::uint32_t>(getpid()), {address_of(named_for_the_test)});
  EXPECT_THAT(symboliser.look(stack, 1000).frames(0), HasSubstr("named_for_the_test"));
  EXPECT_THAT(symboliser.look(stack, 1001).frames(0), MatchesRegex("0x[0-9a-f]+"));
  const std::uint64_t later = 1'000'000'000'000;
  EXPECT_THAT(symboliser.look(stack, later).frames(0), HasSubstr("named_for_the_test"));
}

TEST(SymbolHelper, NamesFunctionsForTheAgent) {
  auto helper = SymbolHelper::start();
  ASSERT_TRUE(helper) << helper.error().message;
  for (int i = 0; i < 2; ++i) {
    const auto frames = helper->symbolise(
        stack_at(static_cast<std::uint32_t>(getpid()), {address_of(named_for_the_test), 1}));
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_THAT(frames[0], HasSubstr("named_for_the_test"));
    EXPECT_EQ(frames[1], "0x1");
  }
}

TEST(Stacks, AreTakenFromTheirRecordsOnly) {
  stack_payload payload{};
  payload.frames = 2;
  payload.addresses[0] = 7;
  payload.addresses[1] = 8;
  const testing::Act act{.at = 5, .cgroup = 9, .tgid = 42, .start = 3};
  const auto record = testing::record(act, EVENT_stack, payload);
  const auto stack = stack_of(record);
  ASSERT_TRUE(stack);
  EXPECT_EQ(stack->tgid, 42U);
  EXPECT_EQ(stack->boot_ns, 5U);
  EXPECT_THAT(stack->addresses, ::testing::ElementsAre(7U, 8U));
  payload.frames = STACK_FRAMES_MAX + 1;
  EXPECT_FALSE(stack_of(testing::record(act, EVENT_stack, payload)));
  EXPECT_FALSE(stack_of(std::span(record).first(record.size() - 1)));
  EXPECT_FALSE(stack_of(testing::exit_record(act)));
}

}  // namespace
}  // namespace idtrail
