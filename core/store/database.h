// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include <sqlite3.h>

#include "core/common/result.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

template <auto Close>
struct SqliteCloser {
  template <typename T>
  void operator()(T* handle) const {
    (void)Close(handle);
  }
};
using SqliteHandle = std::unique_ptr<sqlite3, SqliteCloser<sqlite3_close_v2>>;
using SqliteStatement = std::unique_ptr<sqlite3_stmt, SqliteCloser<sqlite3_finalize>>;

/// The file and its schema. One thread at a time; says the error, counts nothing.
class Database {
 public:
  /// Opens or makes the file, mode 0600, and brings its schema up to date. kCorrupt where the file
  /// is damaged, kUnsupported where a newer version wrote it.
  static Result<Database> open(const std::filesystem::path& file, std::uint32_t max_pages);

  /// All or nothing: the changes are on disk, or it returns the reason (kExhausted: disk full).
  Result<void> write(const std::vector<v1::BaselineFact>& baselines,
                     const std::vector<v1::BehaviourFact>& behaviours);

  Result<void> load(const std::function<void(const v1::BaselineFact&)>& baseline,
                    const std::function<void(const v1::BehaviourFact&)>& behaviour) const;

 private:
  explicit Database(SqliteHandle handle) : handle_(std::move(handle)) {}
  Result<void> check() const;
  Result<void> migrate();
  Result<void> prepare();
  Result<void> run(const char* sql) const;
  Result<void> step(sqlite3_stmt* statement) const;
  Result<void> put(const v1::BaselineFact& fact) const;
  Result<void> put(const v1::BehaviourFact& fact) const;
  [[nodiscard]] Error error(std::string_view tried) const;

  SqliteHandle handle_;
  // After the handle: statements go before the connection that they belong to.
  SqliteStatement put_baseline_;
  SqliteStatement put_behaviour_;
};

/// Moves a damaged file and what belongs to it aside: baselines.db.damaged-1, or the next free
/// number. The new name is the result.
Result<std::filesystem::path> put_aside(const std::filesystem::path& file);

}  // namespace idtrail
