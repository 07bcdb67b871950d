// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <filesystem>

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

struct UnixAddress {
  sockaddr_un storage{};
  socklen_t size = 0;

  explicit UnixAddress(const std::string& name)
      : size(static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) {
    storage.sun_family = AF_UNIX;
    name.copy(storage.sun_path, sizeof(storage.sun_path));
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// A Unix socket that takes connections, at a path or an abstract name.
class UnixServer {
 public:
  UnixServer(const std::string& name, int type) : socket_(::socket(AF_UNIX, type, 0)) {
    const UnixAddress at(name);
    EXPECT_EQ(bind(socket_, at.get(), at.size), 0) << name;
    if (type != SOCK_DGRAM) {
      EXPECT_EQ(listen(socket_, 8), 0);
    }
  }
  ~UnixServer() { close(socket_); }
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;

 private:
  int socket_;
};

/// Connects in a child, whose exit code is the errno of connect(2).
Acted connect_in_child(const std::string& name, int type) {
  return in_child([&] {
    const UnixAddress to(name);
    const int socket = ::socket(AF_UNIX, type, 0);
    return connect(socket, to.get(), to.size) == 0 ? 0 : errno;
  });
}

struct Told {
  unix_payload payload{};
  std::string name;
  std::string path;
};

Told told_by(const Record& record) {
  Told told{.payload = record.payload<unix_payload>(), .name = {}, .path = {}};
  told.name = record.tail(sizeof(told.payload), 0, told.payload.name_size);
  told.path = record.tail(sizeof(told.payload), told.payload.name_size, told.payload.path_size);
  EXPECT_EQ(record.body.size(), sizeof(told.payload) + told.name.size() + told.path.size());
  return told;
}

class UnixTest : public ProbeTest {
 protected:
  static Records connects(std::uint32_t tgid) { return select(seen(), EVENT_unix, tgid); }
  Folder folder_;
};
class UnixTypeTest : public UnixTest, public testing::WithParamInterface<int> {};

TEST_P(UnixTypeTest, TellsAllOfASuccess) {
  const std::string place = folder_ / "containerd.sock";
  const UnixServer server(place, GetParam());
  const Acted child = connect_in_child(place, GetParam());
  EXPECT_EQ(child.status, 0);
  const Records records = connects(child.tgid);
  ASSERT_EQ(records.size(), 1U);
  expect_header(records[0], EVENT_unix, child);
  const auto [payload, name, path] = told_by(records[0]);
  expect_file(payload.exe, "/proc/self/exe");
  expect_file(payload.file, place);
  expect_parent_is_this(payload.parent_tgid, payload.parent_start_boot_ns);
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.flags, 0U);
  EXPECT_EQ(payload.type, GetParam());
  EXPECT_EQ(name, place);
  EXPECT_EQ(path, place + '\0');
  for (const auto reserved : payload.reserved) EXPECT_EQ(reserved, 0U);
}

TEST_P(UnixTypeTest, TellsAnAbstractName) {
  const std::string abstract = std::string("\0bpf-tests", 10) + std::to_string(GetParam());
  const UnixServer server(abstract, GetParam());
  const Acted child = connect_in_child(abstract, GetParam());
  EXPECT_EQ(child.status, 0);
  const Records records = connects(child.tgid);
  ASSERT_EQ(records.size(), 1U);
  const auto [payload, name, path] = told_by(records[0]);
  EXPECT_EQ(name, abstract);
  EXPECT_EQ(path, "");
  EXPECT_EQ(payload.result, 0);
  EXPECT_EQ(payload.file.inode, 0U);
  EXPECT_EQ(payload.file.device, 0U);
}

TEST_P(UnixTypeTest, TellsThatNobodyIsThere) {
  const std::string place = folder_ / "missing";
  const Acted child = connect_in_child(place, GetParam());
  EXPECT_EQ(WEXITSTATUS(child.status), ENOENT);
  const Records records = connects(child.tgid);
  ASSERT_EQ(records.size(), 1U);
  const auto [payload, name, path] = told_by(records[0]);
  EXPECT_EQ(payload.result, -ENOENT);
  EXPECT_EQ(name, place);
  EXPECT_EQ(path, "");
}

std::string name_of(const testing::TestParamInfo<int>& row) {
  return row.param == SOCK_STREAM ? "stream" : row.param == SOCK_DGRAM ? "dgram" : "seqpacket";
}
INSTANTIATE_TEST_SUITE_P(Types, UnixTypeTest,
                         testing::Values(SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET), name_of);

TEST_F(UnixTest, TellsWhereALinkAndABindMountLead) {
  const std::string place = folder_ / "docker.sock";
  const UnixServer server(place, SOCK_STREAM);
  std::filesystem::create_symlink(place, folder_ / "link");
  write_file(folder_ / "bound", "");
  ASSERT_EQ(mount(place.c_str(), (folder_ / "bound").c_str(), nullptr, MS_BIND, nullptr), 0);
  for (const std::string& asked : {folder_ / "link", folder_ / "bound"}) {
    const Acted child = connect_in_child(asked, SOCK_STREAM);
    EXPECT_EQ(child.status, 0);
    const Records records = connects(child.tgid);
    ASSERT_EQ(records.size(), 1U);
    const auto [payload, name, path] = told_by(records[0]);
    EXPECT_EQ(name, asked);
    EXPECT_EQ(path, place + '\0');
    expect_file(payload.file, place);
  }
  umount2((folder_ / "bound").c_str(), MNT_DETACH);
}

TEST_F(UnixTest, TellsAConnectThatIsRefused) {
  const std::string place = folder_ / "dead.sock";
  { const UnixServer gone(place, SOCK_STREAM); }
  const Acted child = connect_in_child(place, SOCK_STREAM);
  EXPECT_EQ(WEXITSTATUS(child.status), ECONNREFUSED);
  const Records records = connects(child.tgid);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload<unix_payload>().result, -ECONNREFUSED);
}

TEST_F(UnixTest, TellsALongestNameWhole) {
  const std::string place = "/tmp/" + std::string(EVENT_SUN_MAX - 5, 'n');
  const UnixServer server(place, SOCK_STREAM);
  const Acted child = connect_in_child(place, SOCK_STREAM);
  unlink(place.c_str());
  EXPECT_EQ(child.status, 0);
  const Records records = connects(child.tgid);
  ASSERT_EQ(records.size(), 1U);
  const Told told = told_by(records[0]);
  EXPECT_EQ(told.name, place);
  EXPECT_EQ(told.path, place + '\0');
}

TEST_F(UnixTest, IsSilentWhereNoPeerIsChosen) {
  const Acted child = in_child([] {
    const int datagram = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (connect(datagram, &nobody, sizeof(nobody)) != 0) return 1;
    const UnixAddress nameless("");
    return connect(datagram, nameless.get(), nameless.size) == 0 ? 2 : 0;
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_TRUE(connects(child.tgid).empty());
}

TEST_F(UnixTest, IsSilentOnTheAgentItself) {
  const std::string place = folder_ / "own.sock";
  const UnixServer server(place, SOCK_STREAM);
  const UnixAddress to(place);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_EQ(connect(socket, to.get(), to.size), 0);
  close(socket);
  EXPECT_TRUE(connects(0).empty());
}

}  // namespace
}  // namespace idtrail::test
