// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/privilege.h"

namespace idtrail::test {
namespace {

using ::testing::ElementsAre;

using BpfTest = ProbeTest;

long bpf(bpf_cmd command, bpf_attr attr) { return syscall(SYS_bpf, command, &attr, sizeof(attr)); }

bpf_attr array_map(std::uint32_t value_bytes) {
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = value_bytes;
  attr.max_entries = 3;
  std::strcpy(attr.map_name, "spare");
  return attr;
}

/// `use`, as this kernel can tell it: before 6.1 only the attempt.
Use told(Use use) {
  const auto probes = shared_sensor().probes();
  const auto probe = std::ranges::find(probes, std::string("bpf"), &ProbeStatus::name);
  if (probe->hook == "fentry/security_bpf") {
    use.result = 0;
    use.marks = PRIVILEGE_RESULT_UNKNOWN;
  }
  return use;
}

TEST_F(BpfTest, TellsAMapThatIsMadeButNotItsUse) {
  const Used used = privilege_in_child(EVENT_bpf, [] {
    const long map = bpf(BPF_MAP_CREATE, array_map(8));
    if (map < 0) return 1;
    std::uint32_t key = 0;
    std::uint64_t value = 0;
    bpf_attr access{};
    access.map_fd = static_cast<std::uint32_t>(map);
    access.key = reinterpret_cast<std::uintptr_t>(&key);
    access.value = reinterpret_cast<std::uintptr_t>(&value);
    return bpf(BPF_MAP_UPDATE_ELEM, access) == 0 && bpf(BPF_MAP_LOOKUP_ELEM, access) == 0 ? 0 : 2;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(
      uses_of(used),
      ElementsAre(told(
          {.op = BPF_MAP_CREATE + 1, .first = BPF_MAP_TYPE_ARRAY, .second = 3, .name = "spare"})));
}

TEST_F(BpfTest, TellsAMapThatIsRefused) {
  const Used used = privilege_in_child(
      EVENT_bpf, [] { return bpf(BPF_MAP_CREATE, array_map(0)) == -1 && errno == EINVAL ? 0 : 1; });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used), ElementsAre(told({.op = BPF_MAP_CREATE + 1,
                                               .result = -EINVAL,
                                               .first = BPF_MAP_TYPE_ARRAY,
                                               .second = 3,
                                               .name = "spare"})));
}

TEST_F(BpfTest, TellsAProgramThatIsLoaded) {
  const Used used = privilege_in_child(EVENT_bpf, [] {
    const bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    bpf_attr attr{};
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = reinterpret_cast<std::uintptr_t>(code);
    attr.insn_cnt = 2;
    attr.license = reinterpret_cast<std::uintptr_t>("GPL");
    std::strcpy(attr.prog_name, "nothing");
    return bpf(BPF_PROG_LOAD, attr) >= 0 ? 0 : 1;
  });
  EXPECT_EQ(used.child.status, 0);
  EXPECT_THAT(uses_of(used), ElementsAre(told({.op = BPF_PROG_LOAD + 1,
                                               .first = BPF_PROG_TYPE_SOCKET_FILTER,
                                               .second = 2,
                                               .name = "nothing"})));
}

}  // namespace
}  // namespace idtrail::test
