// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/system_call.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include <seccomp.h>

#include "idtrail/events.h"

namespace idtrail {
namespace {

static_assert(std::has_unique_object_representations_v<syscall_payload>);

using Names = std::array<std::string, SYSCALL_NUMBERS>;

struct Free {
  void operator()(char* text) const { std::free(text); }
};

struct Table {
  std::uint32_t architecture;  // of libseccomp
  std::uint32_t first;         // what its numbers begin with
};

Table table_of(std::uint16_t table) {
#if defined(__x86_64__)
  constexpr std::uint32_t kX32Bit = 0x40000000;
  if (table == SYSCALLS_32BIT) return {SCMP_ARCH_X86, 0};
  if (table == SYSCALLS_X32) return {SCMP_ARCH_X32, kX32Bit};
  return {SCMP_ARCH_X86_64, 0};
#elif defined(__aarch64__)
  return {table == SYSCALLS_32BIT ? SCMP_ARCH_ARM : SCMP_ARCH_AARCH64, 0};
#else
#error "which tables of system calls does this machine have?"
#endif
}

/// The last number stands for many.
Names names_of(std::uint16_t table) {
  const Table from = table_of(table);
  Names names;
  for (std::uint32_t number = 0; number < SYSCALL_LARGER; ++number) {
    const std::unique_ptr<char, Free> name(
        seccomp_syscall_resolve_num_arch(from.architecture, static_cast<int>(from.first + number)));
    if (name) names[number] = name.get();
  }
  return names;
}

std::string_view name_of(std::uint16_t table, std::uint32_t number) {
  static const std::array<Names, SYSCALL_TABLES> tables{
      names_of(SYSCALLS_NATIVE), names_of(SYSCALLS_32BIT), names_of(SYSCALLS_X32)};
  return tables[table][number];
}

}  // namespace

Refusal decode_syscall(Bytes rest, Event& event) {
  const auto payload = take<syscall_payload>(rest);
  if (!payload) return Refusal::kTruncated;
  if (!rest.empty()) return Refusal::kSize;
  if (payload->table >= SYSCALL_TABLES || payload->number >= SYSCALL_NUMBERS) {
    return Refusal::kValue;
  }
  auto& body = event.body.emplace<SystemCall>();
  take_actor(*payload, body);
  body.table = payload->table;
  body.number = payload->number;
  body.asked = payload->asked;
  body.name = name_of(payload->table, payload->number);
  return Refusal::kNone;
}

}  // namespace idtrail
