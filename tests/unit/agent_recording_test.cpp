// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/recording/reader.h"
#include "agent/recording/recorder.h"
#include "tests/unit/agent_facts.h"
#include "tests/unit/agent_records.h"

namespace idtrail {
namespace {

using recording::FrameType;
using testing::Bytes;

class Recording : public ::testing::Test {
 protected:
  Recording() : folder_(::testing::TempDir() + "idtrail-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
    file_ = folder_ / "a.rec";
  }
  ~Recording() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Recorder> make() {
    auto made = Recorder::create(file_, testing::snapshot(), true);
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  Bytes bytes() const {
    std::ifstream in(file_, std::ios::binary);
    const std::vector<char> text(std::istreambuf_iterator<char>(in), {});
    const auto view = std::as_bytes(std::span(text));
    return {view.begin(), view.end()};
  }

  std::filesystem::path folder_;
  std::filesystem::path file_;
};

/// Frames up to the end or the damage; `damage` is empty at the end.
std::vector<Frame> frames(std::span<const std::byte> bytes, std::string& damage) {
  std::vector<Frame> out;
  auto reader = FrameReader::open(bytes);
  if (!reader) {
    damage = reader.error().message;
    return out;
  }
  for (;;) {
    auto frame = reader->next();
    if (!frame) damage = frame.error().message;
    if (!frame || !*frame) return out;
    out.push_back(**frame);
  }
}

TEST_F(Recording, GivesBackWhatWasRecordedInOrder) {
  const Bytes exit = testing::exit_record({});
  {
    auto recorder = make();
    recorder->record(exit);
    recorder->fact(testing::tick_fact(7));
  }
  const Bytes all = bytes();
  std::string damage;
  const auto read = frames(all, damage);
  EXPECT_EQ(damage, "");
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[0].type, FrameType::kFact);
  EXPECT_EQ(read[1].type, FrameType::kRecord);
  EXPECT_TRUE(std::ranges::equal(read[1].payload, exit));
  v1::Fact fact;
  ASSERT_TRUE(
      fact.ParseFromArray(read[2].payload.data(), static_cast<int>(read[2].payload.size())));
  EXPECT_EQ(fact.tick().boot_ns(), 7U);
}

TEST_F(Recording, IsForItsOwnerAlone) {
  make();
  struct stat status {};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(Recording, ReplacesNoFileUnasked) {
  make();
  EXPECT_FALSE(Recorder::create(file_, testing::snapshot()));
}

TEST_F(Recording, CutAnywhereGivesEveryWholeFrameAndTheOffsetOfTheRest) {
  {
    auto recorder = make();
    for (int i = 0; i < 3; ++i) recorder->record(testing::exit_record({}, i));
  }
  const Bytes all = bytes();
  std::string whole;
  const auto complete = frames(all, whole);
  std::size_t boundary = sizeof(recording::FileHeader);
  std::size_t index = 0;
  for (std::size_t size = boundary; size < all.size(); ++size) {
    if (index < complete.size() &&
        size == boundary + sizeof(recording::FrameHeader) + complete[index].payload.size()) {
      boundary = size;
      ++index;
    }
    std::string damage;
    const auto read = frames(std::span(all).first(size), damage);
    EXPECT_EQ(read.size(), index);
    if (size == boundary) {
      EXPECT_EQ(damage, "");
    } else {
      EXPECT_NE(damage.find("offset " + std::to_string(boundary) + ":"), std::string::npos)
          << damage;
    }
  }
}

TEST_F(Recording, AnyFlippedByteIsFound) {
  {
    auto recorder = make();
    recorder->record(testing::exit_record({}));
  }
  const Bytes all = bytes();
  for (std::size_t at = 0; at < all.size(); ++at) {
    Bytes flipped = all;
    flipped[at] ^= std::byte{0x40};
    std::string damage;
    (void)frames(flipped, damage);
    EXPECT_NE(damage, "") << at;
  }
}

TEST_F(Recording, OfAnotherContractIsUnsupported) {
  make();
  Bytes all = bytes();
  all[offsetof(recording::FileHeader, wire_contract)] = std::byte{99};
  const auto reader = FrameReader::open(all);
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Errc::kUnsupported);
}

TEST_F(Recording, AFullDiskEndsItAtTheLastWholeFrameAndCountsTheRest) {
  // A limit on the file's size stands for the full disk.
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto recorder = make();
    const rlimit limit{.rlim_cur = 64U << 10U, .rlim_max = 64U << 10U};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Bytes record = testing::exit_record({});
    for (int i = 0; i < 10000; ++i) recorder->record(record);
    const bool said = !recorder->flush();
    std::_Exit(said && recorder->lost() == 10000 && recorder->frames() == 1 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  std::string damage;
  const Bytes all = bytes();
  EXPECT_EQ(frames(all, damage).size(), 1U);
  EXPECT_EQ(damage, "");
}

TEST_F(Recording, ARecordLongerThanAnyMayBeStaysRefused) {
  {
    auto recorder = make();
    recorder->record(Bytes(20000));
  }
  const Bytes all = bytes();
  std::string damage;
  const auto read = frames(all, damage);
  EXPECT_EQ(damage, "");
  EXPECT_EQ(read[1].payload.size(), recording::kRecordMax);
}

}  // namespace
}  // namespace idtrail
