// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store/baseline_store.h"

namespace idtrail {
namespace {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "idtrail-store-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    file = folder / "baselines.db";
  }
  void TearDown() override { fs::remove_all(folder); }

  static v1::BaselineFact baseline(const std::string& owner) {
    v1::IdentityRef ref;
    ref.set_owner_name(owner);
    v1::BaselineFact fact;
    fact.set_identity(ref.SerializeAsString());
    fact.set_learning_since_ns(17);
    fact.set_complete(true);
    return fact;
  }

  static v1::BehaviourFact behaviour(const std::string& owner, std::uint64_t key,
                                     std::uint64_t count = 1) {
    v1::BehaviourFact fact;
    fact.set_identity(baseline(owner).identity());
    fact.set_behaviour(key);
    fact.set_family("exec");
    fact.set_text("text");
    fact.set_object("object");
    fact.set_subject(std::string("\x0a\x00\xff", 3));
    fact.set_first_seen_ns(1);
    fact.set_last_seen_ns(2);
    fact.set_count(count);
    fact.set_image_digest("sha256:1");
    fact.set_pod("pod");
    return fact;
  }

  static BaselineChanges changes(std::vector<v1::BehaviourFact> behaviours) {
    return {.baselines = {baseline("cart")}, .behaviours = std::move(behaviours)};
  }

  std::unique_ptr<BaselineStore> open(BaselineStoreSettings settings = {}) {
    settings.file = file;
    auto store = BaselineStore::open(settings);
    EXPECT_TRUE(store) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }

  static BaselineChanges load(BaselineStore& store) {
    BaselineChanges out;
    const auto loaded =
        store.load([&](const v1::BaselineFact& fact) { out.baselines.push_back(fact); },
                   [&](const v1::BehaviourFact& fact) { out.behaviours.push_back(fact); });
    EXPECT_TRUE(loaded);
    return out;
  }

  fs::path folder;
  fs::path file;
};

TEST_F(StoreTest, GivesBackWhatItWasGivenAfterARestart) {
  const v1::BehaviourFact high = behaviour("cart", 0xFFFFFFFFFFFFFFFFULL);
  {
    auto store = open();
    store->submit(changes({behaviour("cart", 1), high}));
    store->flush();
    EXPECT_EQ(store->counters().stored, 3U);
  }
  const BaselineChanges held = load(*open());
  ASSERT_EQ(held.baselines.size(), 1U);
  EXPECT_EQ(held.baselines[0].SerializeAsString(), baseline("cart").SerializeAsString());
  ASSERT_EQ(held.behaviours.size(), 2U);
  EXPECT_EQ(held.behaviours[0].SerializeAsString(), high.SerializeAsString());
}

TEST_F(StoreTest, OverwritesABehaviourThatCameAgain) {
  auto store = open();
  store->submit(changes({behaviour("cart", 1)}));
  store->submit(changes({behaviour("cart", 1, 9)}));
  store->flush();
  const BaselineChanges held = load(*store);
  ASSERT_EQ(held.behaviours.size(), 1U);
  EXPECT_EQ(held.behaviours[0].count(), 9U);
}

TEST_F(StoreTest, KeepsIdentitiesWithTheSameBehaviourApart) {
  auto store = open();
  store->submit(changes({behaviour("cart", 1), behaviour("other", 1)}));
  store->flush();
  EXPECT_EQ(load(*store).behaviours.size(), 2U);
}

TEST_F(StoreTest, WritesWhatIsQueuedWhenItCloses) {
  open()->submit(changes({behaviour("cart", 1)}));
  EXPECT_EQ(load(*open()).behaviours.size(), 1U);
}

TEST_F(StoreTest, IsPrivateEvenWhereTheFileWasNot) {
  std::ofstream(file).close();
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  auto store = open();
  store->submit(changes({behaviour("cart", 1)}));
  store->flush();
  for (const fs::path& part : {file, fs::path(file.string() + "-wal")}) {
    struct stat status {};
    ASSERT_EQ(::stat(part.c_str(), &status), 0) << part;
    EXPECT_EQ(status.st_mode & 0777, 0600U) << part;
  }
}

TEST_F(StoreTest, PutsADamagedFileAsideAndSaysSo) {
  open()->submit(changes({behaviour("cart", 1)}));
  {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(0);
    damaged << std::string(4096, '\x5a');
  }
  auto store = open();
  EXPECT_EQ(store->counters().recovered, 1U);
  EXPECT_TRUE(load(*store).behaviours.empty());
  EXPECT_TRUE(fs::exists(file.string() + ".damaged-1"));
  store->submit(changes({behaviour("cart", 2)}));
  store->flush();
  EXPECT_EQ(store->counters().stored, 2U);
}

TEST_F(StoreTest, PutsAFileAsideThatIsNoDatabase) {
  std::ofstream(file) << "this is a text of some length, but it is surely not a database\n";
  EXPECT_EQ(open()->counters().recovered, 1U);
  std::ofstream(file, std::ios::trunc) << "nor is this one, whose name must not hide the first\n";
  EXPECT_EQ(open()->counters().recovered, 1U);
  EXPECT_TRUE(fs::exists(file.string() + ".damaged-2"));
}

TEST_F(StoreTest, RefusesTheFileOfANewerVersionAndLeavesItAlone) {
  (void)open();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const auto store = BaselineStore::open(file);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::kUnsupported);
  EXPECT_FALSE(fs::exists(file.string() + ".damaged-1"));
}

TEST_F(StoreTest, SaysWhyItCannotOpen) {
  const auto store = BaselineStore::open(folder / "missing" / "x.db");
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("No such file"), std::string::npos);
}

TEST_F(StoreTest, KeepsWhatAFullDiskRefusedAndGoesOn) {
  std::vector<v1::BehaviourFact> many;
  for (std::uint64_t key = 0; key < 2000; ++key) many.push_back(behaviour("cart", key));
  {
    auto store = open({.file = {}, .max_queued = 65536, .max_pages = 12});
    store->submit(changes({behaviour("cart", 1)}));
    store->flush();
    EXPECT_EQ(store->counters().stored, 2U);
    store->submit(changes(many));
    store->flush();
    EXPECT_GE(store->counters().failed_commits, 1U);
    EXPECT_EQ(store->counters().stored, 2U);
    EXPECT_EQ(load(*store).behaviours.size(), 1U) << "a refused group must leave nothing behind";
  }
  auto store = open();
  EXPECT_EQ(load(*store).behaviours.size(), 1U);
  store->submit(changes(many));
  store->flush();
  EXPECT_EQ(load(*store).behaviours.size(), 2000U);
}

TEST_F(StoreTest, WritesWhatFailedOnceTheDiskHasRoomAgain) {
  auto store = open();
  sqlite3* blocker = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &blocker), SQLITE_OK);
  const auto run = [blocker](const char* sql) {
    return sqlite3_exec(blocker, sql, nullptr, nullptr, nullptr);
  };
  // A trigger refuses every row, as a disk without room does.
  ASSERT_EQ(run("CREATE TRIGGER full BEFORE INSERT ON behaviour"
                " BEGIN SELECT RAISE(ABORT, 'full'); END"),
            SQLITE_OK);
  store->submit(changes({behaviour("cart", 1)}));
  store->flush();
  EXPECT_GE(store->counters().failed_commits, 1U);
  EXPECT_EQ(store->counters().stored, 0U);
  ASSERT_EQ(run("DROP TRIGGER full"), SQLITE_OK);
  sqlite3_close(blocker);
  store->submit(changes({behaviour("cart", 2)}));
  store->flush();
  EXPECT_EQ(load(*store).behaviours.size(), 2U);
  EXPECT_EQ(store->counters().lost, 0U);
}

TEST_F(StoreTest, CountsWhatFindsNoRoomInTheQueue) {
  auto store = open({.file = {}, .max_queued = 1});
  store->submit(changes({behaviour("cart", 1)}));
  store->flush();
  EXPECT_EQ(store->counters().lost, 2U);
  EXPECT_EQ(store->counters().stored, 0U);
}

/// The child writes until it is killed, and tells through a pipe what was on disk by then.
TEST_F(StoreTest, LosesNothingThatWasFlushedWhenItIsKilled) {
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      auto store = BaselineStore::open(file);
      if (!store) ::_exit(1);
      for (std::uint64_t key = 0;; ++key) {
        (*store)->submit(
            changes({behaviour("cart", static_cast<std::uint64_t>(round) << 32U | key)}));
        (*store)->flush();
        if (::write(pipe_ends[1], "x", 1) != 1) ::_exit(1);
      }
    }
    ::close(pipe_ends[1]);
    std::size_t flushed = 0;
    char byte = 0;
    while (flushed < 20 && ::read(pipe_ends[0], &byte, 1) == 1) ++flushed;
    ::kill(pid, SIGKILL);
    while (::read(pipe_ends[0], &byte, 1) == 1) ++flushed;
    ::close(pipe_ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));

    auto store = open();
    EXPECT_EQ(store->counters().recovered, 0U);
    std::size_t held = 0;
    for (const auto& fact : load(*store).behaviours) {
      held += fact.behaviour() >> 32U == static_cast<std::uint64_t>(round) ? 1 : 0;
    }
    EXPECT_GE(flushed, 20U);
    EXPECT_GE(held, flushed);
  }
}

TEST_F(StoreTest, TakesChangesFromSeveralThreads) {
  auto store = open();
  std::vector<std::jthread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&store, thread] {
      for (std::uint64_t key = 0; key < 50; ++key) {
        store->submit(changes({behaviour("cart", thread << 32U | key)}));
      }
      store->flush();
    });
  }
  threads.clear();
  EXPECT_EQ(load(*store).behaviours.size(), 200U);
}

}  // namespace
}  // namespace idtrail
