// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {

/// A cgroup below that of this process, removed at the end.
class Cgroup {
 public:
  explicit Cgroup(const std::string& name) : place_(cgroup_root() + "/" + name) {
    EXPECT_EQ(mkdir(place_.c_str(), 0755), 0) << place_;
    id_ = inode_of(place_);
  }
  ~Cgroup() { remove(); }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  /// The calling process goes in.
  void enter() const { write_file(place_ + "/cgroup.procs", "0"); }
  void remove() { rmdir(place_.c_str()); }
  [[nodiscard]] std::uint64_t id() const { return id_; }

 private:
  std::string place_;
  std::uint64_t id_ = 0;
};

}  // namespace idtrail::test
