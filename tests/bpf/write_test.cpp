// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

struct Told {
  write_payload payload{};
  std::string path;
};

Told told_by(const Record& record) {
  Told told{.payload = record.payload<write_payload>(), .path = {}};
  EXPECT_EQ(record.body.size(), sizeof(told.payload) + told.payload.path_size);
  told.path = record.tail(sizeof(told.payload), 0, told.payload.path_size);
  EXPECT_TRUE(told.path.ends_with('\0'));
  told.path.pop_back();
  return told;
}

class WriteTest : public ProbeTest {
 protected:
  void SetUp() override {
    for (const char* place : {"etc", "etc/cron.d", "var/spool/cron/crontabs", "home/.ssh"}) {
      std::filesystem::create_directories(folder_ / place);
    }
    ProbeTest::SetUp();
  }
  static Records writes(std::uint32_t tgid) { return select(seen(), EVENT_write, tgid); }
  /// What the only write of a child that does this tells.
  static Told the_write(const std::function<int()>& act) {
    const Acted child = in_child(act);
    EXPECT_EQ(child.status, 0);
    const Records records = writes(child.tgid);
    EXPECT_EQ(records.size(), 1U);
    return records.empty() ? Told{} : told_by(records[0]);
  }
  static int create(const std::string& path) {
    return open(path.c_str(), O_WRONLY | O_CREAT, 0644) >= 0 ? 0 : 1;
  }
  Folder folder_;
};

struct Place {
  const char* name;
  const char* file;
  std::uint16_t place;
};
class WritePlaceTest : public WriteTest, public testing::WithParamInterface<Place> {};

TEST_P(WritePlaceTest, TellsAllOfAnOpen) {
  const std::string file = folder_ / GetParam().file;
  const Acted child = in_child([&] { return create(file); });
  EXPECT_EQ(child.status, 0);
  const Records records = writes(child.tgid);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_write, child);
  const auto [payload, path] = told_by(records[0]);
  expect_file(payload.exe, "/proc/self/exe");
  expect_file(payload.file, file);
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.open_flags & O_ACCMODE, static_cast<unsigned>(O_WRONLY));
  EXPECT_EQ(payload.flags, 0U);
  EXPECT_EQ(payload.op, WRITE_OPEN);
  EXPECT_EQ(payload.place, GetParam().place);
  for (const auto reserved : payload.reserved) EXPECT_EQ(reserved, 0U);
  EXPECT_EQ(path, file);
}

TEST_P(WritePlaceTest, TellsARenameALinkAndASymlink) {
  const std::string file = folder_ / GetParam().file;
  const std::string other = folder_ / "other";
  write_file(other, "text");
  const Told linked = the_write([&] { return link(other.c_str(), file.c_str()); });
  EXPECT_EQ(linked.payload.op, WRITE_LINK);
  EXPECT_EQ(linked.payload.place, GetParam().place);
  EXPECT_EQ(linked.path, file);
  EXPECT_EQ(linked.payload.file.inode, 0U) << "there is none yet";
  unlink(file.c_str());
  const Told moved = the_write([&] { return rename(other.c_str(), file.c_str()); });
  EXPECT_EQ(moved.payload.op, WRITE_RENAME);
  EXPECT_EQ(moved.payload.flags, 0U);
  EXPECT_EQ(moved.path, file);
  unlink(file.c_str());
  const Told pointing = the_write([&] { return symlink(other.c_str(), file.c_str()); });
  EXPECT_EQ(pointing.payload.op, WRITE_SYMLINK);
  EXPECT_EQ(pointing.path, file);
}

TEST_P(WritePlaceTest, TellsWhatIsMovedAway) {
  const std::string file = folder_ / GetParam().file;
  write_file(file, "text");
  const Told moved = the_write([&] { return rename(file.c_str(), (folder_ / "other").c_str()); });
  EXPECT_EQ(moved.payload.op, WRITE_RENAME);
  EXPECT_EQ(moved.payload.flags, WRITE_FROM);
  EXPECT_EQ(moved.payload.place, GetParam().place);
  EXPECT_EQ(moved.path, file);
}

TEST_P(WritePlaceTest, IsSilentOnReads) {
  const std::string file = folder_ / GetParam().file;
  write_file(file, "text");
  const Acted child = in_child([&] { return open(file.c_str(), O_RDONLY) >= 0 ? 0 : 1; });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(writes(child.tgid).empty());
}

const Place kPlaces[] = {
    {"preload", "etc/ld.so.preload", PLACE_PRELOAD},
    {"crontab", "etc/crontab", PLACE_CRON},
    {"cron_d", "etc/cron.d/job", PLACE_CRON},
    {"spool", "var/spool/cron/crontabs/root", PLACE_CRON},
    {"spool_without_crontabs", "var/spool/cron/root", PLACE_CRON},
    {"ssh", "home/.ssh/authorized_keys", PLACE_SSH_KEYS},
    {"ssh2", "home/.ssh/authorized_keys2", PLACE_SSH_KEYS},
    {"containerd", "containerd.sock", PLACE_RUNTIME_SOCKET},
    {"docker", "docker.sock", PLACE_RUNTIME_SOCKET},
    {"crio", "crio.sock", PLACE_RUNTIME_SOCKET},
};
INSTANTIATE_TEST_SUITE_P(Places, WritePlaceTest, testing::ValuesIn(kPlaces),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(WriteTest, TellsAWriteToACredentialVolumeOnly) {
  const Tmpfs volume(folder_ / "volume");
  const std::uint32_t device = volume.device();
  const auto judge = [&](volume_kind kind) {
    EXPECT_TRUE(
        shared_sensor().set_volume(device, kind, shared_sensor().volume_generation(device)));
  };
  drain(shared_sensor());
  const std::string file = folder_ / "volume/token";
  judge(VOLUME_CREDENTIAL);
  const Told told = the_write([&] { return create(file); });
  EXPECT_EQ(told.payload.place, PLACE_VOLUME);
  EXPECT_EQ(told.path, file);
  judge(VOLUME_OTHER);
  EXPECT_TRUE(writes(in_child([&] { return create(file); }).tgid).empty());
}

TEST_F(WriteTest, TellsAWriteToAProgramOfTheImageOnly) {
  for (const char* part : {"lower", "upper", "work", "root"}) {
    std::filesystem::create_directory(folder_ / part);
  }
  for (const char* name : {"program", "moved"}) {
    write_file(folder_ / ("lower/" + std::string(name)), "text", 0755);
  }
  write_file(folder_ / "lower/data", "text", 0644);
  const std::string options = "lowerdir=" + (folder_ / "lower") +
                              ",upperdir=" + (folder_ / "upper") + ",workdir=" + (folder_ / "work");
  const std::string root = folder_ / "root";
  ASSERT_EQ(mount("overlay", root.c_str(), "overlay", 0, options.c_str()), 0);
  drain(shared_sensor());
  const auto append = [&](const std::string& name) {
    return open((root + "/" + name).c_str(), O_WRONLY | O_APPEND) >= 0 ? 0 : 1;
  };
  const Told written = the_write([&] { return append("program"); });
  EXPECT_EQ(written.payload.place, PLACE_IMAGE);
  EXPECT_EQ(written.payload.op, WRITE_OPEN);
  EXPECT_EQ(written.path, root + "/program");
  EXPECT_TRUE(writes(in_child([&] { return append("program"); }).tgid).empty())
      << "it is on the upper layer by now";
  EXPECT_TRUE(writes(in_child([&] { return append("data"); }).tgid).empty());
  const Told replaced =
      the_write([&] { return rename((root + "/data").c_str(), (root + "/moved").c_str()); });
  EXPECT_EQ(replaced.payload.place, PLACE_IMAGE);
  EXPECT_EQ(replaced.payload.op, WRITE_RENAME);
  EXPECT_EQ(replaced.path, root + "/moved");
  EXPECT_EQ(umount2(root.c_str(), MNT_DETACH), 0);
}

TEST_F(WriteTest, TellsOnceOfAFileOnAnOverlay) {
  for (const char* part : {"lower/etc", "upper", "work", "root"}) {
    std::filesystem::create_directories(folder_ / part);
  }
  write_file(folder_ / "lower/etc/crontab", "text");
  const std::string options = "lowerdir=" + (folder_ / "lower") +
                              ",upperdir=" + (folder_ / "upper") + ",workdir=" + (folder_ / "work");
  const std::string root = folder_ / "root";
  ASSERT_EQ(mount("overlay", root.c_str(), "overlay", 0, options.c_str()), 0);
  drain(shared_sensor());
  const std::string file = root + "/etc/crontab";
  const Told opened = the_write([&] { return create(file); });
  EXPECT_EQ(opened.path, file);
  const Told moved = the_write([&] { return rename(file.c_str(), (root + "/x").c_str()); });
  EXPECT_EQ(moved.path, file);
  EXPECT_EQ(umount2(root.c_str(), MNT_DETACH), 0);
}

TEST_F(WriteTest, IsSilentElsewhere) {
  const Acted child = in_child([&] {
    for (const char* name : {"crontab", "etc/passwd", "etc/cron.d.backup", "ld.so.preload",
                             "var/spool/at", "home/.ssh/id_rsa", "docker.socket"}) {
      if (create(folder_ / name) != 0) return 1;
    }
    return rename((folder_ / "crontab").c_str(), (folder_ / "x").c_str());
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(writes(child.tgid).empty());
}

TEST_F(WriteTest, IsSilentWhereTheOpenIsRefused) {
  write_file(folder_ / "etc/crontab", "text", 0600);
  drain(shared_sensor());
  const std::string file = folder_ / "etc/crontab";
  const Acted child = in_child([&] {
    return setuid(12345) == 0 && open(file.c_str(), O_WRONLY) < 0 && errno == EACCES ? 0 : 1;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(writes(child.tgid).empty());
}

TEST_F(WriteTest, IsSilentOnTheAgentItself) {
  write_file(folder_ / "etc/crontab", "text");
  EXPECT_TRUE(writes(0).empty());
}

}  // namespace
}  // namespace idtrail::test
