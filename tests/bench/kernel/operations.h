// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace idtrail::bench {

/// Something that a workload does, and how often in one uninterrupted burst.
struct Operation {
  std::string name;
  int per_burst = 1;
  std::function<void()> act;
  bool whole_machine = false;  // with what others do meanwhile, the reader above all
};

/// Where the operations find their files.
struct Places {
  std::string ordinary;    // a file on no tmpfs
  std::string credential;  // a file on a tmpfs
  std::string program;     // a static program on no tmpfs
};

std::vector<Operation> operations(const Places& places);

}  // namespace idtrail::bench
