// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/io_uring_open.h"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace idtrail::test {
namespace {

char* map(int ring, std::size_t bytes, off_t what) {
  void* place = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);
  return place == MAP_FAILED ? nullptr : static_cast<char*>(place);
}

std::uint32_t& word(char* base, std::uint32_t offset) {
  return *reinterpret_cast<std::uint32_t*>(base + offset);
}

}  // namespace

int io_uring_open(const std::string& path) {
  io_uring_params params{};
  const int ring = static_cast<int>(syscall(SYS_io_uring_setup, 1, &params));
  if (ring < 0) return -ENOSYS;
  char* submit = map(ring, params.sq_off.array + sizeof(std::uint32_t), IORING_OFF_SQ_RING);
  char* complete =
      map(ring, params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe), IORING_OFF_CQ_RING);
  auto* entry = reinterpret_cast<io_uring_sqe*>(map(ring, sizeof(io_uring_sqe), IORING_OFF_SQES));
  if (submit == nullptr || complete == nullptr || entry == nullptr) return -ENOSYS;

  *entry = {};
  entry->opcode = IORING_OP_OPENAT;
  entry->fd = AT_FDCWD;
  entry->addr = reinterpret_cast<std::uint64_t>(path.c_str());
  entry->open_flags = O_RDONLY;
  word(submit, params.sq_off.array) = 0;
  __atomic_store_n(&word(submit, params.sq_off.tail), 1U, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) < 0)
    return -errno;
  return reinterpret_cast<io_uring_cqe*>(complete + params.cq_off.cqes)->res;
}

}  // namespace idtrail::test
