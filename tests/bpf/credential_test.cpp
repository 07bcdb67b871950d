// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/descriptors.h"
#include "tests/bpf/io_uring_open.h"

namespace idtrail::test {
namespace {

/// A volume as kubelet makes it: a tmpfs with the files in a folder, a link to that, and links.
class CredentialTest : public ProbeTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_ / "volume/..2026");
    write_file(token_, "secret", 0644);
    std::filesystem::create_symlink("..2026", folder_ / "volume/..data");
    std::filesystem::create_symlink("..data/token", folder_ / "volume/token");
    ProbeTest::SetUp();
  }

  void judge(volume_kind kind) {
    const std::uint32_t device = volume_.device();
    EXPECT_TRUE(
        shared_sensor().set_volume(device, kind, shared_sensor().volume_generation(device)));
  }
  /// Records of the token's inode, by any process.
  [[nodiscard]] Records reads() const { return reads_of(inode_of(token_)); }
  [[nodiscard]] static Records reads_of(std::uint64_t inode) {
    Records chosen;
    for (const Record& record : select(seen(), EVENT_credential)) {
      if (record.payload<credential_payload>().file.inode == inode) chosen.push_back(record);
    }
    return chosen;
  }
  static Acted open_in_child(const std::string& path, int flags = O_RDONLY) {
    return in_child([&] { return open(path.c_str(), flags) >= 0 ? 0 : errno; });
  }

  Folder folder_;
  Tmpfs volume_{folder_ / "volume"};
  std::string token_ = folder_ / "volume/..2026/token";
};

TEST_F(CredentialTest, TellsAllOfARead) {
  judge(VOLUME_CREDENTIAL);
  const Acted reader = open_in_child(token_, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  EXPECT_EQ(reader.status, 0);
  const Records records = reads();
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_credential, reader);
  ASSERT_EQ(records[0].body.size(), sizeof(credential_payload));
  const auto payload = records[0].payload<credential_payload>();
  expect_file(payload.file, token_);
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.open_flags & (O_ACCMODE | O_NONBLOCK), static_cast<unsigned>(O_NONBLOCK));
  EXPECT_EQ(payload.flags, CREDENTIAL_HOST_MNTNS);
  EXPECT_EQ(payload.volume_generation, shared_sensor().volume_generation(volume_.device()));
  EXPECT_NE(payload.volume_generation, 0U);
  EXPECT_STREQ(payload.name, "token");
  EXPECT_STREQ(payload.dir, "..2026");
}

TEST_F(CredentialTest, LeavesTheFolderEmptyAtTheRootOfTheVolume) {
  const std::string file = folder_ / "volume/flat";
  write_file(file, "secret");
  drain(shared_sensor());
  open_in_child(file);
  const Records records = reads_of(inode_of(file));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_STREQ(records[0].payload<credential_payload>().name, "flat");
  EXPECT_STREQ(records[0].payload<credential_payload>().dir, "");
}

TEST_F(CredentialTest, CutsALongName) {
  const std::string name(200, 'n');
  write_file(folder_ / ("volume/" + name), "secret");
  drain(shared_sensor());
  open_in_child(folder_ / ("volume/" + name));
  const Records records = reads_of(inode_of(folder_ / ("volume/" + name)));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<credential_payload>().name, name.substr(0, EVENT_NAME_MAX - 1));
}

TEST_F(CredentialTest, SendsWhatHasNoVerdict) {
  open_in_child(token_);
  const Records records = reads();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<credential_payload>().flags,
            CREDENTIAL_UNKNOWN_VOLUME | CREDENTIAL_HOST_MNTNS);
}

TEST_F(CredentialTest, TellsAnotherMountNamespace) {
  const Acted reader = in_child(
      [&] { return unshare(CLONE_NEWNS) == 0 && open(token_.c_str(), O_RDONLY) >= 0 ? 0 : errno; });
  EXPECT_EQ(reader.status, 0);
  const Records records = reads();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<credential_payload>().flags, CREDENTIAL_UNKNOWN_VOLUME);
}

TEST_F(CredentialTest, SkipsWhatWasJudgedOrdinary) {
  judge(VOLUME_OTHER);
  open_in_child(token_);
  EXPECT_TRUE(reads().empty());
  EXPECT_TRUE(shared_sensor().forget_volume(volume_.device()));
  EXPECT_TRUE(shared_sensor().forget_volume(volume_.device())) << "twice is no error";
  open_in_child(token_);
  EXPECT_EQ(reads().size(), 1U);
}

TEST_F(CredentialTest, DropsTheVerdictWithTheSuperblock) {
  judge(VOLUME_OTHER);
  const std::uint32_t before = volume_.device();
  volume_.unmount();
  const Tmpfs next(folder_ / "volume");
  ASSERT_EQ(next.device(), before) << "this kernel does not reuse at once: the test shows nothing";
  write_file(folder_ / "volume/token", "secret");
  drain(shared_sensor());
  open_in_child(folder_ / "volume/token");
  const Records records = select(seen(), EVENT_credential);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].payload<credential_payload>().flags & CREDENTIAL_UNKNOWN_VOLUME, 0U);
}

TEST_F(CredentialTest, IgnoresAVerdictThatComesAfterTheSuperblockWent) {
  const std::uint32_t device = volume_.device();
  const std::uint32_t generation = shared_sensor().volume_generation(device);
  volume_.unmount();
  const Tmpfs next(folder_ / "volume");
  ASSERT_EQ(next.device(), device);
  write_file(folder_ / "volume/token", "secret");
  drain(shared_sensor());
  EXPECT_TRUE(shared_sensor().set_volume(device, VOLUME_OTHER, generation));
  open_in_child(folder_ / "volume/token");
  EXPECT_EQ(select(seen(), EVENT_credential).size(), 1U);
}

TEST_F(CredentialTest, IsSilentWhereNothingCanBeRead) {
  write_file(token_, "secret", 0600);
  drain(shared_sensor());
  EXPECT_NE(open_in_child(folder_ / "volume/missing").status, 0);
  EXPECT_EQ(open_in_child(token_, O_PATH).status, 0);
  EXPECT_EQ(open_in_child(token_, O_WRONLY).status, 0);
  EXPECT_EQ(open_in_child(folder_ / "volume", O_RDONLY | O_DIRECTORY).status, 0);
  const Acted other = in_child([&] {
    return setuid(12345) == 0 && open(token_.c_str(), O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
  });
  EXPECT_EQ(other.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_credential).empty());
}

TEST_F(CredentialTest, IsSilentOnFilesElsewhere) {
  const Acted reader = in_child([] {
    const int memory = memfd_create("memory", 0);
    const std::string again = "/proc/self/fd/" + std::to_string(memory);
    return open(again.c_str(), O_RDONLY) >= 0 && open(exec_target().c_str(), O_RDONLY) >= 0 ? 0 : 1;
  });
  EXPECT_EQ(reader.status, 0);
  EXPECT_TRUE(select(seen(), EVENT_credential, reader.tgid).empty());
}

TEST_F(CredentialTest, IsSilentOnTheAgentItself) {
  const int own = open(token_.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(own, 0);
  close(own);
  EXPECT_TRUE(select(seen(), EVENT_credential).empty());
}

TEST_F(CredentialTest, TellsAnOpenForReadingAndWriting) {
  open_in_child(token_, O_RDWR);
  const Records records = reads();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<credential_payload>().open_flags & O_ACCMODE,
            static_cast<unsigned>(O_RDWR));
}

/// A pod that mounts a folder of the host sees the volumes of other pods in it.
TEST_F(CredentialTest, TellsTheCgroupAndNamespaceThatReadsOverAHostPath) {
  const std::string seen_as = folder_ / "other";
  std::filesystem::create_directory(seen_as);
  const std::string other = cgroup_root() + "/bpf-tests-other";
  mkdir(other.c_str(), 0755);
  drain(shared_sensor());
  const Acted reader = in_child([&] {
    write_file(other + "/cgroup.procs", "0");
    const bool apart =
        unshare(CLONE_NEWNS) == 0 &&
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        mount((folder_ / "").c_str(), seen_as.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0;
    return apart && open((seen_as + "/volume/token").c_str(), O_RDONLY) >= 0 ? 0 : errno;
  });
  EXPECT_EQ(reader.status, 0);
  const std::uint64_t id = inode_of(other);
  rmdir(other.c_str());
  const Records records = reads();
  ASSERT_EQ(records.size(), 1U);
  expect_file(records[0].payload<credential_payload>().file, token_);
  EXPECT_EQ(records[0].header.cgroup_id, id);
  EXPECT_EQ(records[0].payload<credential_payload>().flags, CREDENTIAL_UNKNOWN_VOLUME);
}

/// Opened here, by the agent itself, so that only the passing on is an event.
TEST_F(CredentialTest, TellsWhoIsPassedADescriptor) {
  judge(VOLUME_CREDENTIAL);
  const int token = open(token_.c_str(), O_RDONLY | O_CLOEXEC);
  const DescriptorPair pair;
  const Acted receiver = in_child([&] { return pair.send(token) && pair.receive() >= 0 ? 0 : 1; });
  close(token);
  EXPECT_EQ(receiver.status, 0);
  const Records records = reads();
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_credential, receiver);
  const auto payload = records[0].payload<credential_payload>();
  expect_file(payload.file, token_);
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.flags, CREDENTIAL_HOST_MNTNS | CREDENTIAL_RECEIVED);
  EXPECT_STREQ(payload.name, "token");
}

TEST_F(CredentialTest, TellsWhoTakesADescriptorOfAnotherProcess) {
  const int token = open(token_.c_str(), O_RDONLY | O_CLOEXEC);
  const int parent = getpid();
  const Acted taker = in_child([&] {
    const int process = static_cast<int>(syscall(SYS_pidfd_open, parent, 0));
    return syscall(SYS_pidfd_getfd, process, token, 0) >= 0 ? 0 : errno;
  });
  close(token);
  EXPECT_EQ(taker.status, 0);
  const Records records = reads();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].header.tgid, taker.tgid);
  EXPECT_NE(records[0].payload<credential_payload>().flags & CREDENTIAL_RECEIVED, 0U);
}

/// What the kernel does not show: a row in `idtrail coverage`.
TEST_F(CredentialTest, IsSilentOnADescriptorThatWasInherited) {
  const int token = open(token_.c_str(), O_RDONLY);
  const Acted heir = in_child([&] {
    char text[8];
    return pread(token, text, sizeof(text), 0) > 0 ? 0 : 1;
  });
  close(token);
  EXPECT_EQ(heir.status, 0);
  EXPECT_TRUE(reads().empty());
}

TEST_F(CredentialTest, IsSilentWhereAPassedDescriptorCannotBeRead) {
  const int writable = open(token_.c_str(), O_WRONLY | O_CLOEXEC);
  const DescriptorPair pair;
  const Acted receiver =
      in_child([&] { return pair.send(writable) && pair.receive() >= 0 ? 0 : 1; });
  close(writable);
  EXPECT_EQ(receiver.status, 0);
  EXPECT_TRUE(reads().empty());
}

/// Ways to the same file; the row's name is the test's.
struct Way {
  const char* name;
  std::function<int(const std::string& folder)> open;
};

class CredentialWayTest : public CredentialTest, public testing::WithParamInterface<Way> {};

TEST_P(CredentialWayTest, HitsTheSameObject) {
  const std::string file = token_;
  std::filesystem::create_hard_link(file, folder_ / "volume/hard");
  const std::string bound = folder_ / "bound";
  write_file(bound, "");
  ASSERT_EQ(mount(token_.c_str(), bound.c_str(), nullptr, MS_BIND, nullptr), 0);
  drain(shared_sensor());
  const Acted reader = in_child([&] { return GetParam().open(folder_ / "") >= 0 ? 0 : 1; });
  const Records records = reads();
  umount2(bound.c_str(), MNT_DETACH);
  EXPECT_EQ(reader.status, 0);
  ASSERT_EQ(records.size(), 1U);
  expect_file(records[0].payload<credential_payload>().file, token_);
  EXPECT_EQ(records[0].header.tgid, reader.tgid);
}

int open_read(const std::string& path) { return open(path.c_str(), O_RDONLY); }

const Way kWays[] = {
    {"path", [](const std::string& in) { return open_read(in + "volume/..2026/token"); }},
    {"links", [](const std::string& in) { return open_read(in + "volume/token"); }},
    {"hard_link", [](const std::string& in) { return open_read(in + "volume/hard"); }},
    {"bind_mount", [](const std::string& in) { return open_read(in + "bound"); }},
    {"proc_root",
     [](const std::string& in) { return open_read("/proc/self/root" + in + "volume/token"); }},
    {"openat2",
     [](const std::string& in) {
       open_how how{.flags = O_RDONLY, .mode = 0, .resolve = 0};
       return static_cast<int>(
           syscall(SYS_openat2, AT_FDCWD, (in + "volume/token").c_str(), &how, sizeof(how)));
     }},
    {"openat",
     [](const std::string& in) {
       const int dir = open((in + "volume/..data").c_str(), O_PATH | O_DIRECTORY);
       return openat(dir, "token", O_RDONLY);
     }},
    {"handle", [](const std::string& in) { return open_by_handle(in + "volume/token"); }},
    {"reopened",
     [](const std::string& in) {
       const int looked = open((in + "volume/token").c_str(), O_PATH);
       return open_read("/proc/self/fd/" + std::to_string(looked));
     }},
    {"proc_root_of_another",
     [](const std::string& in) {
       return open_read("/proc/" + std::to_string(getppid()) + "/root" + in + "volume/token");
     }},
    {"io_uring", [](const std::string& in) { return io_uring_open(in + "volume/token"); }},
};
INSTANTIATE_TEST_SUITE_P(Ways, CredentialWayTest, testing::ValuesIn(kWays),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace idtrail::test
