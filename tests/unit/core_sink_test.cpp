// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sink/sink.h"

namespace idtrail {

Result<std::unique_ptr<Sink>> make_file_sink(const SinkSettings& settings);
Result<std::unique_ptr<Sink>> make_stdout_sink(const SinkSettings& settings);

namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

class FileSink : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "idtrail-sink-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    file = folder / "findings.jsonl";
  }
  void TearDown() override { fs::remove_all(folder); }

  std::unique_ptr<Sink> open() {
    auto sink = make_file_sink({.target = file.string()});
    EXPECT_TRUE(sink);
    return *std::move(sink);
  }

  fs::path folder;
  fs::path file;
};

TEST_F(FileSink, AppendsLinesToAPrivateFile) {
  EXPECT_TRUE(open()->deliver("{\"a\":1}"));
  EXPECT_TRUE(open()->deliver("{\"b\":2}"));
  EXPECT_EQ(content(file), "{\"a\":1}\n{\"b\":2}\n");
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(FileSink, StartsANewLineAfterOneThatStoppedShort) {
  std::ofstream(file) << "{\"torn\":";
  EXPECT_TRUE(open()->deliver("{}"));
  EXPECT_EQ(content(file), "{\"torn\":\n{}\n");
}

TEST_F(FileSink, FollowsItsNameWhenTheFileIsRotated) {
  auto sink = open();
  EXPECT_TRUE(sink->deliver("1"));
  fs::rename(file, folder / "old");
  EXPECT_TRUE(sink->deliver("2"));
  EXPECT_EQ(content(file), "2\n");
  EXPECT_EQ(content(folder / "old"), "1\n");
}

TEST_F(FileSink, StaysUsableAfterAnError) {
  auto sink = open();
  fs::rename(folder, folder.string() + "-gone");
  const auto failed = sink->deliver("1");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("No such file"), std::string::npos);
  fs::rename(folder.string() + "-gone", folder);
  EXPECT_TRUE(sink->deliver("2"));
  EXPECT_EQ(content(file), "2\n");
}

TEST_F(FileSink, ReportsAFullDisk) {
  auto sink = make_file_sink({.target = "/dev/full"});
  ASSERT_TRUE(sink);
  const auto delivered = (*sink)->deliver("1");
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Errc::kExhausted);
}

TEST_F(FileSink, NeedsAPathThatCanBeOpened) {
  EXPECT_FALSE(make_file_sink({}));
  EXPECT_FALSE(make_file_sink({.target = (folder / "missing" / "x").string()}));
}

TEST(StdoutSink, WritesOneLinePerFinding) {
  auto sink = make_stdout_sink({});
  ASSERT_TRUE(sink);
  ::testing::internal::CaptureStdout();
  EXPECT_TRUE((*sink)->deliver("{\"a\":1}"));
  EXPECT_TRUE((*sink)->deliver("{\"b\":2}"));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "{\"a\":1}\n{\"b\":2}\n");
}

TEST(SinkSpecs, AreTheList) {
  ASSERT_EQ(sink_specs().size(), 2U);
  EXPECT_EQ(sink_specs()[0].identifier, "stdout");
  EXPECT_EQ(sink_specs()[1].identifier, "file");
}

}  // namespace
}  // namespace idtrail
