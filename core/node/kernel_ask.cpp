// SPDX-License-Identifier: Apache-2.0
#include "core/node/kernel_ask.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace idtrail {
namespace {

long bpf(bpf_cmd command, bpf_attr& attributes) {
  return syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

std::uint64_t address_of(const void* pointer) {
  return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(pointer));
}

std::string meaning_of(int error) {
  switch (error) {
    case 0:
      return "";
    case EPERM:
      return "not permitted: a capability is missing, or seccomp, lockdown or the host's policy "
             "forbids bpf(2)";
    case ENOSYS:
      return "the kernel was built without bpf(2), or seccomp hides it";
    case E2BIG:
    case EINVAL:
      return "the kernel is too old for this form of the call";
    default:
      return std::strerror(error);
  }
}

Attempt attempt(long result) {
  if (result >= 0) {
    close(static_cast<int>(result));
    return {};
  }
  const int error = errno;
  return {error, meaning_of(error)};
}

}  // namespace

Attempt try_program_load() {
  std::array<bpf_insn, 2> program{};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = 0
  program[1].code = BPF_JMP | BPF_EXIT;
  constexpr char kLicence[] = "Apache-2.0";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = address_of(program.data());
  attributes.insn_cnt = program.size();
  attributes.license = address_of(kLicence);
  return attempt(bpf(BPF_PROG_LOAD, attributes));
}

Attempt try_kernel_btf() {
  bpf_attr next{};
  if (bpf(BPF_BTF_GET_NEXT_ID, next) != 0) {
    const int error = errno;
    return {error, meaning_of(error)};
  }
  bpf_attr get{};
  get.btf_id = next.next_id;
  return attempt(bpf(BPF_BTF_GET_FD_BY_ID, get));
}

std::uint64_t effective_capabilities(const std::string& proc) {
  std::ifstream status(proc + "/self/status");
  constexpr std::string_view kKey = "CapEff:\t";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kKey)) continue;
    std::uint64_t bits = 0;
    std::from_chars(line.data() + kKey.size(), line.data() + line.size(), bits, 16);
    return bits;
  }
  return 0;
}

}  // namespace idtrail
