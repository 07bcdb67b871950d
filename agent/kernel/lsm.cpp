// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/lsm.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include <sys/utsname.h>

namespace idtrail {
namespace {

constexpr const char* kActive = "/sys/kernel/security/lsm";
constexpr std::array kStaticCalls{6, 12};

bool is_active() {
  std::ifstream names(kActive);  // "landlock,lockdown,…,bpf", without an end of line
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "bpf") return true;
  }
  return false;
}

std::array<int, 2> version() {
  utsname kernel{};
  std::array<int, 2> is{};
  if (uname(&kernel) == 0) std::sscanf(kernel.release, "%d.%d", &is[0], &is[1]);
  return is;
}

}  // namespace

LsmPrograms lsm_programs() {
  const bool run = is_active();
  return {.run = run, .first = run && version() >= kStaticCalls};
}

}  // namespace idtrail
