// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "core/baseline/baselines.h"
#include "core/common/result.h"

namespace idtrail {

/// Baselines on disk: one SQLite file in WAL mode, mode 0600. One writer thread of its own takes
/// changes from a bounded queue and commits them in groups; a full disk or queue loses changes,
/// counts them, and detection goes on. A damaged file is put aside under another name and said.
class BaselineStore {
 public:
  struct Counters {
    std::uint64_t stored = 0;
    std::uint64_t lost = 0;      // queue full, disk full, I/O error
    std::uint64_t recovered = 0;  // 1 where a damaged file was put aside at start
  };

  static Result<std::unique_ptr<BaselineStore>> open(const std::filesystem::path& file);
  virtual ~BaselineStore();
  /// Everything that is stored, baselines before behaviours.
  Result<void> load(const std::function<void(const v1::BaselineFact&)>& baseline,
                    const std::function<void(const v1::BehaviourFact&)>& behaviour);
  /// Never blocks.
  void submit(BaselineChanges changes);
  /// Waits until what was submitted is on disk or lost.
  void flush();
  [[nodiscard]] Counters counters() const;

 protected:
  BaselineStore() = default;
};

}  // namespace idtrail
