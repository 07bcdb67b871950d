// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <filesystem>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

struct Told {
  keyfile_payload payload{};
  std::string path;
};

Told told_by(const Record& record) {
  Told told{.payload = record.payload<keyfile_payload>(), .path = {}};
  EXPECT_EQ(record.body.size(), sizeof(told.payload) + told.payload.path_size);
  told.path = record.tail(sizeof(told.payload), 0, told.payload.path_size);
  EXPECT_TRUE(told.path.ends_with('\0'));
  told.path.pop_back();
  return told;
}

/// On a file system that is no tmpfs, hence no volume.
class KeyfileTest : public ProbeTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_ / "disk");
    ASSERT_EQ(mount("disk", (folder_ / "disk").c_str(), "ramfs", 0, nullptr), 0);
    ProbeTest::SetUp();
  }
  void TearDown() override { umount2((folder_ / "disk").c_str(), MNT_DETACH); }
  static Records reads(std::uint32_t tgid) { return select(seen(), EVENT_keyfile, tgid); }
  static Acted open_in_child(const std::string& path, int flags = O_RDONLY) {
    return in_child([&] { return open(path.c_str(), flags) >= 0 ? 0 : errno; });
  }
  void make(const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(folder_ / name).parent_path());
    write_file(folder_ / name, "secret");
  }
  Folder folder_;
};

struct Key {
  const char* name;
  const char* file;
  std::uint16_t sort;
};
class KeyfileNameTest : public KeyfileTest, public testing::WithParamInterface<Key> {};

TEST_P(KeyfileNameTest, TellsAllOfARead) {
  const std::string name = std::string("disk/") + GetParam().file;
  make(name);
  drain(shared_sensor());
  const std::string file = folder_ / name;
  const Acted reader = open_in_child(file, O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(reader.status, 0);
  const Records records = reads(reader.tgid);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_keyfile, reader);
  const auto [payload, path] = told_by(records[0]);
  expect_file(payload.file, file);
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.open_flags & (O_ACCMODE | O_NONBLOCK), static_cast<unsigned>(O_NONBLOCK));
  EXPECT_EQ(payload.flags, CREDENTIAL_HOST_MNTNS);
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.target_tgid, 0U);
  EXPECT_EQ(payload.sort, GetParam().sort);
  EXPECT_EQ(path, file);
}

const Key kKeys[] = {
    {"aws", ".aws/credentials", KEY_AWS},
    {"kube", ".kube/config", KEY_KUBECONFIG},
    {"kubelet", "kubernetes/kubelet.conf", KEY_KUBECONFIG},
    {"docker", ".docker/config.json", KEY_REGISTRY},
    {"gcp", "application_default_credentials.json", KEY_GCP},
    {"rsa", ".ssh/id_rsa", KEY_SSH},
    {"ed25519", "id_ed25519", KEY_SSH},
    {"host_key", "ssh/ssh_host_ed25519_key", KEY_SSH},
    {"tls", "tls.key", KEY_TLS},
    {"short", "k.key", KEY_TLS},
    {"pem", "letsencrypt/privkey.pem", KEY_TLS},
    {"private", "private/server.pem", KEY_TLS},
    {"long", "a-name-of-more-than-forty-bytes-in-all-of-it.key", KEY_TLS},
    {"twenty_five", "a-name-of-25-bytes-in.key", KEY_TLS},
    {"vault", ".vault-token", KEY_VAULT},
};
INSTANTIATE_TEST_SUITE_P(Keys, KeyfileNameTest, testing::ValuesIn(kKeys),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(KeyfileTest, IsSilentOnOtherNamesAndOnFoldersWithSuchAName) {
  const char* names[] = {"disk/config",          "disk/config.json",    "disk/app/credentials",
                         "disk/.ssh/id_rsa.pub", "disk/certs/cert.pem", "disk/tls.crt",
                         "disk/etc/x.conf",      "disk/my_key"};
  for (const char* name : names) make(name);
  std::filesystem::create_directory(folder_ / "disk/folder.key");
  drain(shared_sensor());
  const Acted reader = in_child([&] {
    for (const char* name : names) {
      if (open((folder_ / name).c_str(), O_RDONLY) < 0) return 1;
    }
    return open((folder_ / "disk/folder.key").c_str(), O_RDONLY | O_DIRECTORY) >= 0 ? 0 : 2;
  });
  EXPECT_EQ(reader.status, 0);
  EXPECT_TRUE(reads(reader.tgid).empty());
}

TEST_F(KeyfileTest, IsSilentWhereNothingCanBeRead) {
  make("disk/tls.key");
  chmod((folder_ / "disk/tls.key").c_str(), 0600);
  drain(shared_sensor());
  const std::string file = folder_ / "disk/tls.key";
  const Acted writer = open_in_child(file, O_WRONLY);
  const Acted looker = open_in_child(file, O_PATH);
  const Acted other = in_child([&] {
    return setuid(12345) == 0 && open(file.c_str(), O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
  });
  EXPECT_EQ(other.status, 0);
  const Records records = seen();
  for (const Acted& acted : {writer, looker, other}) {
    EXPECT_TRUE(select(records, EVENT_keyfile, acted.tgid).empty());
  }
}

TEST_F(KeyfileTest, IsSilentOnTheAgentItself) {
  make("disk/tls.key");
  drain(shared_sensor());
  const int own = open((folder_ / "disk/tls.key").c_str(), O_RDONLY | O_CLOEXEC);
  close(own);
  EXPECT_TRUE(reads(0).empty());
}

TEST_F(KeyfileTest, TellsOnceOfAFileOnAnOverlay) {
  for (const char* part : {"lower", "upper", "work", "root"}) {
    std::filesystem::create_directories(folder_ / part);
  }
  make("lower/tls.key");
  const std::string options = "lowerdir=" + (folder_ / "lower") +
                              ",upperdir=" + (folder_ / "upper") + ",workdir=" + (folder_ / "work");
  const std::string root = folder_ / "root";
  ASSERT_EQ(mount("overlay", root.c_str(), "overlay", 0, options.c_str()), 0);
  drain(shared_sensor());
  const Acted reader = open_in_child(root + "/tls.key");
  const Records records = reads(reader.tgid);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(told_by(records[0]).path, root + "/tls.key");
  EXPECT_EQ(umount2(root.c_str(), MNT_DETACH), 0);
}

TEST_F(KeyfileTest, TellsAKeyOnATmpfsThatIsNoCredentialVolume) {
  const Tmpfs memory(folder_ / "memory");
  make("memory/.vault-token");
  const std::uint32_t device = memory.device();
  EXPECT_TRUE(
      shared_sensor().set_volume(device, VOLUME_OTHER, shared_sensor().volume_generation(device)));
  drain(shared_sensor());
  const Acted reader = open_in_child(folder_ / "memory/.vault-token");
  const Records all = seen();
  EXPECT_TRUE(select(all, EVENT_credential, reader.tgid).empty());
  const Records records = select(all, EVENT_keyfile, reader.tgid);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(told_by(records[0]).payload.sort, KEY_VAULT);
}

TEST_F(KeyfileTest, TellsWhoseEnvironmentIsLookedAt) {
  const std::uint32_t other = static_cast<std::uint32_t>(getpid());
  const std::string file = "/proc/" + std::to_string(other) + "/environ";
  const Acted reader = open_in_child(file);
  EXPECT_EQ(reader.status, 0);
  const Records records = reads(reader.tgid);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_keyfile, reader);
  const auto [payload, path] = told_by(records[0]);
  expect_file(payload.exe, "/proc/self/exe");
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.open_flags & O_ACCMODE, static_cast<unsigned>(O_RDONLY));
  EXPECT_EQ(payload.flags, CREDENTIAL_HOST_MNTNS);
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.target_tgid, other);
  EXPECT_EQ(payload.sort, KEY_ENVIRON);
  EXPECT_EQ(path, file);
}

TEST_F(KeyfileTest, TellsAnEnvironmentThatIsRefused) {
  const std::uint32_t other = static_cast<std::uint32_t>(getpid());
  const std::string file = "/proc/" + std::to_string(other) + "/environ";
  const Acted reader = in_child([&] {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct none[2]{};  // less than the other has: only a tracer may look
    if (syscall(SYS_capset, &header, none) != 0) return 1;
    return open(file.c_str(), O_RDONLY) < 0 && errno == EACCES ? 0 : 2;
  });
  EXPECT_EQ(reader.status, 0);
  const Records records = reads(reader.tgid);
  ASSERT_EQ(records.size(), 1U);
  const auto [payload, path] = told_by(records[0]);
  EXPECT_EQ(payload.result, -EACCES);
  EXPECT_EQ(payload.target_tgid, other);
  EXPECT_EQ(path, file);
}

/// In a sensor of its own: the one that the tests share sends none.
TEST_F(KeyfileTest, TellsWhereInItsProgramTheReaderStands) {
  SensorOptions options;
  options.only = {"credential", "keyfile"};
  options.stacks = true;
  auto sensor = Sensor::open(options);
  ASSERT_TRUE(sensor) << sensor.error().message;
  const Tmpfs volume(folder_ / "volume");
  make("volume/token");
  make("disk/tls.key");
  drain(*sensor);
  const Acted reader = in_child([&] {
    return open((folder_ / "volume/token").c_str(), O_RDONLY) >= 0 &&
                   open((folder_ / "disk/tls.key").c_str(), O_RDONLY) >= 0 &&
                   open("/proc/1/environ", O_RDONLY) >= 0
               ? 0
               : 1;
  });
  EXPECT_EQ(reader.status, 0);
  const Records all = drain(*sensor);
  Records reads = select(all, EVENT_credential, reader.tgid);
  for (const Record& record : select(all, EVENT_keyfile, reader.tgid)) reads.push_back(record);
  const Records stacks = select(all, static_cast<event_kind>(EVENT_stack), reader.tgid);
  ASSERT_EQ(reads.size(), 3U);
  ASSERT_EQ(stacks.size(), 3U);
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    EXPECT_EQ(stacks[i].header.boot_ns, reads[i].header.boot_ns);
    EXPECT_EQ(stacks[i].header.tid, reads[i].header.tid);
    ASSERT_EQ(stacks[i].body.size(), sizeof(stack_payload));
    const auto payload = stacks[i].payload<stack_payload>();
    ASSERT_GE(payload.frames, 1U);
    ASSERT_LE(payload.frames, static_cast<unsigned>(STACK_FRAMES_MAX));
    EXPECT_NE(payload.addresses[0], 0U);
    for (std::size_t at = payload.frames; at < STACK_FRAMES_MAX; ++at) {
      EXPECT_EQ(payload.addresses[at], 0U);
    }
  }
  // This program did it, by way of the C library.
  const auto payload = stacks[0].payload<stack_payload>();
  EXPECT_LT(payload.addresses[0], 1ULL << 47U);
}

TEST_F(KeyfileTest, IsSilentOnTheOwnEnvironment) {
  const Acted reader = open_in_child("/proc/self/environ");
  EXPECT_EQ(reader.status, 0);
  EXPECT_TRUE(reads(reader.tgid).empty());
}

/// Where the kernel lets one run of a program preempt another, both use the same room of that CPU.
TEST_F(KeyfileTest, ReadersOnOneCpuAreNotMixedUp) {
  constexpr int kReaders = 24;
  constexpr int kReads = 300;
  const auto key_of = [](int reader) { return fmt::format("disk/{}/id_rsa", reader); };
  for (int i = 0; i < kReaders; ++i) make(key_of(i));
  drain(shared_sensor());
  const auto before = shared_sensor().losses()[EVENT_keyfile];
  const std::uint64_t missed_before = shared_sensor().missed_runs();
  std::map<std::uint32_t, int> readers;
  for (int i = 0; i < kReaders; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      const std::string file = folder_ / key_of(i);
      for (int n = 0; n < kReads; ++n) close(open(file.c_str(), O_RDONLY));
      _exit(0);
    }
    readers[static_cast<std::uint32_t>(child)] = i;
  }
  for (const auto& [tgid, reader] : readers) waitpid(static_cast<pid_t>(tgid), nullptr, 0);
  std::uint64_t told = 0;
  for (const Record& record : drain(shared_sensor())) {
    const auto reader = readers.find(record.header.tgid);
    if (record.header.kind != EVENT_keyfile || reader == readers.end()) continue;
    ++told;
    ASSERT_EQ(told_by(record).path, folder_ / key_of(reader->second));
  }
  const auto after = shared_sensor().losses()[EVENT_keyfile];
  const std::uint64_t lost = after.limited - before.limited + after.dropped - before.dropped;
  const std::uint64_t missed = shared_sensor().missed_runs() - missed_before;
  EXPECT_GT(told, 0U);
  EXPECT_LE(told + lost, std::uint64_t{kReaders} * kReads);
  EXPECT_GE(told + lost + missed, std::uint64_t{kReaders} * kReads);
}

}  // namespace
}  // namespace idtrail::test
