// SPDX-License-Identifier: Apache-2.0
#include "core/store/database.h"

#include <cerrno>
#include <cstring>
#include <iterator>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/common/hash.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {
namespace {

// Forward only: a step is never edited once released, the next one is added below it.
constexpr const char* kMigrations[] = {
    "CREATE TABLE baseline (identity_id INTEGER PRIMARY KEY, identity BLOB NOT NULL,"
    " learning_since_ns INTEGER NOT NULL, complete INTEGER NOT NULL);"
    "CREATE TABLE behaviour (identity_id INTEGER NOT NULL, behaviour INTEGER NOT NULL,"
    " identity BLOB NOT NULL, family TEXT NOT NULL, text TEXT NOT NULL, object TEXT NOT NULL,"
    " subject BLOB NOT NULL, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,"
    " count INTEGER NOT NULL, image_digest TEXT NOT NULL, pod TEXT NOT NULL,"
    " PRIMARY KEY (identity_id, behaviour)) WITHOUT ROWID;",
};
constexpr int kVersion = std::size(kMigrations);

constexpr const char* kPutBaseline =
    "INSERT INTO baseline VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
    " identity = ?2, learning_since_ns = ?3, complete = ?4";
constexpr const char* kPutBehaviour =
    "INSERT INTO behaviour VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    " ON CONFLICT DO UPDATE SET text = ?5, object = ?6, subject = ?7, first_seen_ns = ?8,"
    " last_seen_ns = ?9, count = ?10, image_digest = ?11, pod = ?12";

Errc code_of(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::kCorrupt;
    case SQLITE_FULL:
      return Errc::kExhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return Errc::kPermission;
    default:
      return Errc::kUnavailable;
  }
}

/// The file exists with mode 0600 before SQLite sees it: its WAL takes the same mode.
Result<void> make_private(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || ::fchmod(fd, 0600) != 0) {
    const int why = errno;
    if (fd >= 0) ::close(fd);
    const Errc code = why == EACCES || why == EPERM ? Errc::kPermission : Errc::kUnavailable;
    return Error{code, fmt::format("open baseline store {}: {}; give a path in a folder that "
                                   "exists and that the agent may write",
                                   file.string(), std::strerror(why))};
  }
  ::close(fd);
  return {};
}

std::int64_t stored_id(const std::string& identity) {
  v1::IdentityRef ref;
  (void)ref.ParseFromString(identity);
  // SQLite's integers are signed; the bits are what counts.
  return static_cast<std::int64_t>(parse_hex64(ref.id()).value_or(hash64(identity)));
}

void bind(sqlite3_stmt* statement, int at, std::int64_t value) {
  sqlite3_bind_int64(statement, at, value);
}
// Not copied: the fact outlives the step.
void bind_text(sqlite3_stmt* statement, int at, const std::string& value) {
  sqlite3_bind_text64(statement, at, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
}
void bind_blob(sqlite3_stmt* statement, int at, const std::string& value) {
  sqlite3_bind_blob64(statement, at, value.data(), value.size(), SQLITE_STATIC);
}

std::string column(sqlite3_stmt* statement, int at) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, at));
  const int size = sqlite3_column_bytes(statement, at);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

}  // namespace

Error Database::error(std::string_view tried) const {
  return {code_of(sqlite3_errcode(handle_.get())),
          fmt::format("baseline store: {}: {}", tried, sqlite3_errmsg(handle_.get()))};
}

Result<void> Database::run(const char* sql) const {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error(sql);
}

Result<Database> Database::open(const std::filesystem::path& file, std::uint32_t max_pages) {
  if (auto made = make_private(file); !made) return made.error();
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database{SqliteHandle(raw)};
  if (opened != SQLITE_OK) return database.error(fmt::format("open {}", file.string()));
  sqlite3_busy_timeout(raw, 2000);
  if (auto ran = database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"); !ran) {
    return ran.error();
  }
  if (max_pages != 0) {
    const std::string bound = fmt::format("PRAGMA max_page_count = {}", max_pages);
    if (auto ran = database.run(bound.c_str()); !ran) return ran.error();
  }
  if (auto checked = database.check(); !checked) return checked.error();
  if (auto migrated = database.migrate(); !migrated) return migrated.error();
  if (auto prepared = database.prepare(); !prepared) return prepared.error();
  return database;
}

Result<void> Database::check() const {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), "PRAGMA quick_check(1)", -1, &raw, nullptr) != SQLITE_OK) {
    return error("quick_check");
  }
  const SqliteStatement statement(raw);
  if (sqlite3_step(raw) != SQLITE_ROW) return error("quick_check");
  const std::string verdict = column(raw, 0);
  if (verdict == "ok") return {};
  return Error{Errc::kCorrupt, fmt::format("baseline store: quick_check: {}", verdict)};
}

Result<void> Database::migrate() {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), "PRAGMA user_version", -1, &raw, nullptr) != SQLITE_OK) {
    return error("user_version");
  }
  SqliteStatement statement(raw);
  if (sqlite3_step(raw) != SQLITE_ROW) return error("user_version");
  int version = sqlite3_column_int(raw, 0);
  statement.reset();
  if (version > kVersion) {
    return Error{Errc::kUnsupported,
                 fmt::format("baseline store: schema {} is newer than this program's {}; start the "
                             "version that wrote it, or name another file",
                             version, kVersion)};
  }
  for (; version < kVersion; ++version) {
    const std::string step = fmt::format("BEGIN IMMEDIATE; {} PRAGMA user_version = {}; COMMIT",
                                         kMigrations[version], version + 1);
    if (auto ran = run(step.c_str()); !ran) {
      (void)run("ROLLBACK");
      return ran.error();
    }
  }
  return {};
}

Result<void> Database::prepare() {
  const auto make = [this](const char* sql, SqliteStatement& out) -> Result<void> {
    sqlite3_stmt* raw = nullptr;
    const int made =
        sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    out.reset(raw);
    if (made != SQLITE_OK) return error(sql);
    return {};
  };
  if (auto made = make(kPutBaseline, put_baseline_); !made) return made;
  return make(kPutBehaviour, put_behaviour_);
}

Result<void> Database::write(const std::vector<v1::BaselineFact>& baselines,
                             const std::vector<v1::BehaviourFact>& behaviours) {
  const auto all = [&]() -> Result<void> {
    if (auto ran = run("BEGIN IMMEDIATE"); !ran) return ran;
    for (const auto& fact : baselines) {
      if (auto done = put(fact); !done) return done;
    }
    for (const auto& fact : behaviours) {
      if (auto done = put(fact); !done) return done;
    }
    return run("COMMIT");
  };
  Result<void> written = all();
  // SQLite has rolled back by itself after some errors; then this one says so and changes nothing.
  if (!written) (void)run("ROLLBACK");
  return written;
}

Result<void> Database::step(sqlite3_stmt* statement) const {
  const int done = sqlite3_step(statement);
  Result<void> result;
  if (done != SQLITE_DONE) result = error("write");
  sqlite3_reset(statement);
  return result;
}

Result<void> Database::put(const v1::BaselineFact& fact) const {
  sqlite3_stmt* statement = put_baseline_.get();
  bind(statement, 1, stored_id(fact.identity()));
  bind_blob(statement, 2, fact.identity());
  bind(statement, 3, fact.learning_since_ns());
  bind(statement, 4, fact.complete() ? 1 : 0);
  return step(statement);
}

Result<void> Database::put(const v1::BehaviourFact& fact) const {
  sqlite3_stmt* statement = put_behaviour_.get();
  bind(statement, 1, stored_id(fact.identity()));
  bind(statement, 2, static_cast<std::int64_t>(fact.behaviour()));
  bind_blob(statement, 3, fact.identity());
  bind_text(statement, 4, fact.family());
  bind_text(statement, 5, fact.text());
  bind_text(statement, 6, fact.object());
  bind_blob(statement, 7, fact.subject());
  bind(statement, 8, fact.first_seen_ns());
  bind(statement, 9, fact.last_seen_ns());
  bind(statement, 10, static_cast<std::int64_t>(fact.count()));
  bind_text(statement, 11, fact.image_digest());
  bind_text(statement, 12, fact.pod());
  return step(statement);
}

Result<void> Database::load(const std::function<void(const v1::BaselineFact&)>& baseline,
                            const std::function<void(const v1::BehaviourFact&)>& behaviour) const {
  const auto each_row = [this](const char* sql, const auto& each) -> Result<void> {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(handle_.get(), sql, -1, &raw, nullptr) != SQLITE_OK) return error(sql);
    const SqliteStatement statement(raw);
    int got = sqlite3_step(raw);
    for (; got == SQLITE_ROW; got = sqlite3_step(raw)) each(raw);
    if (got != SQLITE_DONE) return error(sql);
    return {};
  };
  const auto on_baseline = [&](sqlite3_stmt* row) {
    v1::BaselineFact fact;
    fact.set_identity(column(row, 0));
    fact.set_learning_since_ns(sqlite3_column_int64(row, 1));
    fact.set_complete(sqlite3_column_int(row, 2) != 0);
    baseline(fact);
  };
  const auto on_behaviour = [&](sqlite3_stmt* row) {
    v1::BehaviourFact fact;
    fact.set_identity(column(row, 0));
    fact.set_behaviour(static_cast<std::uint64_t>(sqlite3_column_int64(row, 1)));
    fact.set_family(column(row, 2));
    fact.set_text(column(row, 3));
    fact.set_object(column(row, 4));
    fact.set_subject(column(row, 5));
    fact.set_first_seen_ns(sqlite3_column_int64(row, 6));
    fact.set_last_seen_ns(sqlite3_column_int64(row, 7));
    fact.set_count(static_cast<std::uint64_t>(sqlite3_column_int64(row, 8)));
    fact.set_image_digest(column(row, 9));
    fact.set_pod(column(row, 10));
    behaviour(fact);
  };
  // Ordered, so that a start always restores in the same order.
  if (auto done = each_row("SELECT identity, learning_since_ns, complete FROM baseline"
                           " ORDER BY learning_since_ns, identity_id",
                           on_baseline);
      !done) {
    return done;
  }
  return each_row(
      "SELECT identity, behaviour, family, text, object, subject, first_seen_ns,"
      " last_seen_ns, count, image_digest, pod FROM behaviour"
      " ORDER BY identity_id, first_seen_ns, behaviour",
      on_behaviour);
}

Result<std::filesystem::path> put_aside(const std::filesystem::path& file) {
  std::error_code failed;
  for (int number = 1; number < 1000; ++number) {
    const std::string aside = fmt::format("{}.damaged-{}", file.string(), number);
    if (std::filesystem::exists(aside, failed)) continue;
    std::filesystem::rename(file, aside, failed);
    if (failed) break;
    for (const char* part : {"-wal", "-shm"}) {
      std::error_code missing;  // a clean close leaves none
      std::filesystem::rename(file.string() + part, aside + part, missing);
    }
    return std::filesystem::path(aside);
  }
  return Error{Errc::kCorrupt,
               fmt::format("baseline store {} is damaged and cannot be renamed: {}; remove it",
                           file.string(), failed.message())};
}

}  // namespace idtrail
