// SPDX-License-Identifier: Apache-2.0
#include "core/store/baseline_store.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "core/store/database.h"
#include "core/store/write_queue.h"

namespace idtrail {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{100};
constexpr std::chrono::milliseconds kLastRetry{10'000};

}  // namespace

/// Owns the database; its thread is the only one that writes.
class BaselineStore::Writer {
 public:
  Writer(Database database, std::size_t max_queued, std::uint64_t recovered)
      : database_(std::move(database)), queue_(max_queued), recovered_(recovered) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  WriteQueue& queue() { return queue_; }

  Result<void> load(const std::function<void(const v1::BaselineFact&)>& baseline,
                    const std::function<void(const v1::BehaviourFact&)>& behaviour) {
    const std::lock_guard lock(database_mutex_);
    return database_.load(baseline, behaviour);
  }

  [[nodiscard]] Counters counters() const {
    return {.stored = stored_,
            .lost = queue_.refused() + unwritten_,
            .recovered = recovered_,
            .failed_commits = failed_commits_};
  }

 private:
  void run(const std::stop_token& stop) {
    std::chrono::milliseconds retry_after = kFirstRetry;
    for (;;) {
      BaselineChanges group = queue_.take(stop, retry_after);
      const std::uint64_t size = group.baselines.size() + group.behaviours.size();
      if (size == 0) {
        if (stop.stop_requested()) return;
        continue;
      }
      if (write(group)) {
        stored_ += size;
        retry_after = kFirstRetry;
        queue_.done();
        continue;
      }
      ++failed_commits_;
      if (stop.stop_requested()) {
        unwritten_ += size;
        queue_.done();
        return;
      }
      retry_after = std::min(retry_after * 2, kLastRetry);
      queue_.come_back(std::move(group));
    }
  }

  bool write(const BaselineChanges& group) {
    const std::lock_guard lock(database_mutex_);
    return static_cast<bool>(database_.write(group.baselines, group.behaviours));
  }

  std::mutex database_mutex_;  // load() against the writer
  Database database_;
  WriteQueue queue_;
  const std::uint64_t recovered_;
  std::atomic<std::uint64_t> stored_ = 0;
  std::atomic<std::uint64_t> unwritten_ = 0;
  std::atomic<std::uint64_t> failed_commits_ = 0;
  std::jthread thread_;  // last: it stops before what it works on goes
};

BaselineStore::BaselineStore(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
BaselineStore::~BaselineStore() = default;

Result<std::unique_ptr<BaselineStore>> BaselineStore::open(const BaselineStoreSettings& settings) {
  std::uint64_t recovered = 0;
  Result<Database> database = Database::open(settings.file, settings.max_pages);
  if (!database && database.error().code == Errc::kCorrupt) {
    if (auto aside = put_aside(settings.file); !aside) return aside.error();
    recovered = 1;
    database = Database::open(settings.file, settings.max_pages);
  }
  if (!database) return database.error();
  auto writer = std::make_unique<Writer>(*std::move(database), settings.max_queued, recovered);
  return std::unique_ptr<BaselineStore>(new BaselineStore(std::move(writer)));
}

Result<std::unique_ptr<BaselineStore>> BaselineStore::open(const std::filesystem::path& file) {
  return open(BaselineStoreSettings{.file = file});
}

Result<void> BaselineStore::load(const std::function<void(const v1::BaselineFact&)>& baseline,
                                 const std::function<void(const v1::BehaviourFact&)>& behaviour) {
  return writer_->load(baseline, behaviour);
}

void BaselineStore::submit(BaselineChanges changes) { writer_->queue().submit(std::move(changes)); }
void BaselineStore::flush() { writer_->queue().wait_tried(); }
BaselineStore::Counters BaselineStore::counters() const { return writer_->counters(); }

}  // namespace idtrail
