// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "core/baseline/baselines.h"
#include "core/common/result.h"

namespace idtrail {

struct BaselineStoreSettings {
  std::filesystem::path file;
  std::size_t max_queued = 65536;  // facts that wait for the disk
  std::uint32_t max_pages = 0;     // of 4 KiB; 0: as many as the disk holds
};

/// Baselines on disk: one SQLite file in WAL mode, mode 0600. One writer thread of its own takes
/// changes from a bounded queue and commits them in groups. Where a commit fails (disk full, I/O
/// error) its changes stay queued and are tried again; what finds no room in the queue is lost and
/// counted, and detection goes on. A damaged file is put aside under another name and said.
class BaselineStore {
 public:
  struct Counters {
    std::uint64_t stored = 0;
    std::uint64_t lost = 0;            // no room in the queue, or still unwritten at the end
    std::uint64_t recovered = 0;       // 1 where a damaged file was put aside at start
    std::uint64_t failed_commits = 0;  // each was or will be tried again
  };

  /// kUnsupported where a newer version wrote the file; kPermission, kUnavailable where the file
  /// cannot be opened. The folder must exist.
  static Result<std::unique_ptr<BaselineStore>> open(const BaselineStoreSettings& settings);
  static Result<std::unique_ptr<BaselineStore>> open(const std::filesystem::path& file);
  /// Writes what is queued, once more, and closes.
  ~BaselineStore();
  BaselineStore(const BaselineStore&) = delete;
  BaselineStore& operator=(const BaselineStore&) = delete;

  /// Everything that is stored, baselines before behaviours.
  Result<void> load(const std::function<void(const v1::BaselineFact&)>& baseline,
                    const std::function<void(const v1::BehaviourFact&)>& behaviour);
  /// Never blocks on the disk. Any thread.
  void submit(BaselineChanges changes);
  /// Waits until what was submitted has been tried: it is on disk, or lost, or a failed commit
  /// keeps it queued.
  void flush();
  [[nodiscard]] Counters counters() const;

 private:
  class Writer;
  explicit BaselineStore(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace idtrail
