// SPDX-License-Identifier: Apache-2.0
// Twins are held to the same triggers as the hooks that they stand in for.
#include <fstream>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bpf/act.h"
#include "tests/bpf/network_name.h"
#include "tests/bpf/own_network.h"
#include "tests/unit/network_bytes.h"

namespace idtrail::test {
namespace {

struct Twin {
  const char* name;
  const char* probe;
  std::vector<std::string> avoid;
  const char* hook;
};

class TwinTest : public testing::TestWithParam<Twin> {};

int connect_refused() {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(1);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  return connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == -1 ? 0 : 1;
}

void unix_connect_refused() {
  sockaddr_un to{.sun_family = AF_UNIX, .sun_path = "/tmp/bpf-tests-nobody"};
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof(to));
}

/// A DNS answer received, a TLS hello and a request for metadata sent.
bool say_names() {
  const Address resolver("127.0.0.1", 53);
  const Listener client("127.0.0.1", SOCK_DGRAM);
  const Address back("127.0.0.1", client.port());
  std::string answer = network::dns_message("a.example", 1, {});
  const int server = ::socket(AF_INET, SOCK_DGRAM, 0);
  const Listener metadata(Address("169.254.169.254", 80), SOCK_STREAM);
  return bind(server, resolver.get(), resolver.size) == 0 &&
         sendto(server, answer.data(), answer.size(), 0, back.get(), back.size) > 0 &&
         recv(client.socket(), answer.data(), answer.size(), 0) > 0 &&
         Connection(Address("169.254.169.254", 80)).send("GET / HTTP/1.1\r\n") &&
         Connection(Address("169.254.169.254", 80)).send(network::client_hello("a"));
}

/// An open to write is told by the credential's program: see bpf/lib/write.h.
bool is_open_to_write(const Record& record) {
  return record.header.kind == EVENT_write && record.payload<write_payload>().op == WRITE_OPEN;
}

/// What the probe itself tells of the process, not what rides on another's program.
Records told_by(const Twin& twin, event_kind kind, const Records& all, pid_t tgid) {
  Records told = select(all, kind, tgid);
  std::erase_if(told, is_open_to_write);
  if (twin.probe != std::string("credential")) return told;
  for (const Record& record : select(all, EVENT_write, tgid)) {
    if (is_open_to_write(record)) told.push_back(record);
  }
  return told;
}

TEST_P(TwinTest, SeesWhatItsTwinSees) {
  SensorOptions options;
  options.only = {GetParam().probe};
  // Those who begin what it ends.
  if (options.only[0] == "flow") options.only.insert(options.only.end(), {"connect", "accept"});
  options.avoid = GetParam().avoid;
  auto sensor = Sensor::open(options);
  ASSERT_TRUE(sensor) << sensor.error().message;
  const auto status = std::ranges::find(sensor->probes(), GetParam().probe, &ProbeStatus::name);
  ASSERT_EQ(status->hook, GetParam().hook) << status->error;
  drain(*sensor);
  drain(shared_sensor());

  const auto kind = static_cast<event_kind>(status->kind);
  const bool names = kind == EVENT_dns || kind == EVENT_tls || kind == EVENT_http;
  const Folder folder;
  const Acted child = in_child([&] {
    if (names && (!enter_own_network({"169.254.169.254"}) || !say_names())) return 2;
    Tmpfs volume(folder / "volume");
    write_file(folder / "volume/token", "secret");
    std::ifstream(folder / "volume/token").get();
    std::ifstream("/proc/1/environ").get();
    const Listener listener("127.0.0.1", SOCK_STREAM);
    const Address to("127.0.0.1", listener.port());
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(client, to.get(), to.size);
    if (accept(listener.socket(), nullptr, nullptr) < 0) return 1;
    write_file(folder / "docker.sock", "");
    std::filesystem::rename(folder / "docker.sock", folder / "crio.sock");
    std::filesystem::create_hard_link(folder / "crio.sock", folder / "x");
    std::filesystem::create_symlink("x", folder / "docker.sock");
    unix_connect_refused();
    return connect_refused();
  });
  const Records twin = told_by(GetParam(), kind, drain(*sensor), child.tgid);
  const Records first = told_by(GetParam(), kind, drain(shared_sensor()), child.tgid);
  EXPECT_EQ(child.status, 0);
  ASSERT_FALSE(first.empty());
  ASSERT_EQ(twin.size(), first.size());
  for (std::size_t i = 0; i < twin.size(); ++i) {
    expect_header(twin[i], static_cast<event_kind>(first[i].header.kind), child);
    EXPECT_EQ(twin[i].body.size(), first[i].body.size());
  }
  if (kind == EVENT_connect) {
    const auto payload = twin[0].payload<connect_payload>();
    EXPECT_EQ(payload.flags, CONNECT_RESULT_UNKNOWN);
    EXPECT_EQ(payload.result, 0);
    EXPECT_EQ(twin.back().payload<connect_payload>().dst_port, 1U);
  } else if (kind == EVENT_exit || kind == EVENT_accept || kind == EVENT_write || names) {
    EXPECT_EQ(twin[0].body, first[0].body);
  }
}

const Twin kTwins[] = {
    {"exit_tp", "exit", {"exit/fentry"}, "tp_btf/sched_process_exit"},
    {"mount_kprobe",
     "mount",
     {"mount/fentry"},
     "kprobe/security_sb_set_mnt_opts + kprobe/generic_shutdown_super"},
    {"credential_fentry",
     "credential",
     {"credential/lsm"},
     "fentry/security_file_open + fentry/security_file_receive"},
    {"credential_lsm", "credential", {"credential/fentry"}, "lsm/file_open + lsm/file_receive"},
    {"credential_kprobe",
     "credential",
     {"credential/fentry", "credential/lsm"},
     "kprobe/security_file_open + kprobe/security_file_receive"},
    {"keyfile_kprobe", "keyfile", {"keyfile/fexit"}, "kprobe/environ_open"},
    {"connect_kprobe", "connect", {"connect/fexit"}, "kprobe/security_socket_connect"},
    {"listen_kprobe", "listen", {"listen/fexit2", "listen/fexit"}, "kprobe/inet_csk_listen_start"},
    {"accept_kretprobe", "accept", {"accept/fexit"}, "kretprobe/inet_csk_accept"},
    {"flow_kprobe",
     "flow",
     {"flow/fentry", "connect/fexit", "accept/fexit"},
     "iter/bpf_map_elem + kprobe/tcp_v4_destroy_sock + kprobe/tcp_disconnect"},
    {"write_kprobe",
     "write",
     {"write/fentry"},
     "kprobe/security_path_rename + kprobe/security_path_link + kprobe/security_path_symlink"},
    {"dns_kprobe", "dns", {"dns/fentry"}, "kprobe/skb_consume_udp"},
    {"tls_kprobe", "tls", {"tls/fentry"}, "kprobe/tcp_sendmsg"},
    {"http_kprobe", "http", {"http/fentry"}, "kprobe/tcp_sendmsg"},
    {"unix_kprobe", "unix", {"unix/fexit"}, "kprobe/security_socket_connect"},
};
INSTANTIATE_TEST_SUITE_P(Twins, TwinTest, testing::ValuesIn(kTwins),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace idtrail::test
