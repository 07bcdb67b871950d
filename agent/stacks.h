// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "idtrail/recording.pb.h"

namespace idtrail {

/// Where in its program a process stood when it made a read: the record that follows the read's.
struct Stack {
  std::uint32_t tgid = 0;
  std::uint32_t tid = 0;
  std::uint64_t boot_ns = 0;             // of the read
  std::vector<std::uint64_t> addresses;  // innermost first, at most STACK_FRAMES_MAX
};

/// Nothing where the record is of another kind or malformed.
std::optional<Stack> stack_of(std::span<const std::byte> record);

struct SymbolBounds {
  std::chrono::milliseconds time{400};
  std::size_t memory = 128U << 20U;  // bytes beyond what the agent has
  std::size_t module = 64U << 20U;   // bytes of a file whose symbols are read
};

/// What the stack's addresses are called: "connect_db+0x1c (/app/server)" by the files that the
/// process itself sees, or by the perf map that it writes; "/app/server+0x1c2f0" where those do not
/// tell; "0x55d0c0de1234" where the process has ended. One text for each address.
///
/// Called in the helper (symbol_helper.h), where a child of its own does it, since the files are
/// the workload's own and may be made to break who reads them: it is killed when the time is up,
/// and then the answer is addresses alone. Blocks for that long.
std::vector<std::string> symbolise(const Stack& stack, const SymbolBounds& bounds = {});

/// Makes facts of stacks, and rests for ten times as long as the last one took: meanwhile a stack
/// is addresses alone. Only for what a finding tells: a workload's files are looked into no
/// oftener.
class Symboliser {
 public:
  using Look = std::function<std::vector<std::string>(const Stack&)>;  // as symbolise()
  explicit Symboliser(Look look) : look_(std::move(look)) {}
  v1::StackFact look(const Stack& stack, std::uint64_t now_ns);

 private:
  Look look_;
  std::uint64_t rest_until_ns_ = 0;
};

}  // namespace idtrail
