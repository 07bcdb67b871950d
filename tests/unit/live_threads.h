// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace idtrail {

inline bool has_thread(std::string_view name) {
  std::error_code gone;  // a thread may end while we look
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    std::string is;
    std::getline(std::ifstream(task.path() / "comm"), is);
    if (is == name) return true;
  }
  return false;
}

/// Waits until this process has no thread of that name; false if it still has one after a while.
inline bool thread_ends(std::string_view name) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (has_thread(name)) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace idtrail
