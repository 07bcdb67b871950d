// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/api/local_api.h"
#include "agent/api/local_socket.h"
#include "agent/sources/queue.h"
#include "idtrail/idtrail.grpc.pb.h"
#include "tests/unit/live_dir.h"
#include "tests/unit/live_threads.h"

namespace idtrail {
namespace {

using Jobs = RefusingQueue<std::function<void()>>;

LocalAnswers answers_at(Jobs& jobs) {
  LocalAnswers answers;
  answers.top = [](const v1::TopRequest&) {
    v1::TopReply reply;
    reply.set_node("worker-1");
    return reply;
  };
  answers.baseline = [](const v1::BaselineRequest& request) {
    v1::BaselineReply reply;
    reply.add_baselines()->mutable_identity()->set_id(request.identity());
    return reply;
  };
  answers.doctor = [](const v1::DoctorRequest&) { return v1::DoctorReply(); };
  answers.post = [&jobs](std::function<void()> job) { return jobs.push(std::move(job)); };
  return answers;
}

std::unique_ptr<v1::LocalAgent::Stub> client(const std::filesystem::path& path) {
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  return v1::LocalAgent::NewStub(grpc::CreateCustomChannel(
      "unix:" + path.string(), grpc::InsecureChannelCredentials(), arguments));
}

constexpr std::chrono::milliseconds kShortLinger{500};

/// Empty where it was answered.
std::string ask(v1::LocalAgent::Stub& stub) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::TopReply top;
  return stub.Top(&context, {}, &top).error_message();
}

class Api : public testing::Test {
 protected:
  void open(std::size_t room, std::chrono::milliseconds linger = LocalApi::kLinger) {
    jobs_ = std::make_unique<Jobs>(room);
    auto api = LocalApi::open(path_, answers_at(*jobs_), linger);
    ASSERT_TRUE(api) << api.error().message;
    api_ = std::move(*api);
  }
  void serve() {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (auto job = jobs_->pop(stop, std::chrono::hours(1))) (*job)();
      }
    });
  }

  TestDir dir_;
  std::filesystem::path path_ = dir_ / "run/agent.sock";
  std::unique_ptr<Jobs> jobs_;
  std::unique_ptr<LocalApi> api_;
  std::jthread thread_;
};

TEST_F(Api, AnswersOverTheSocket) {
  open(8);
  serve();
  const auto stub = client(path_);
  grpc::ClientContext first;
  v1::TopReply top;
  ASSERT_TRUE(stub->Top(&first, {}, &top).ok());
  EXPECT_EQ(top.node(), "worker-1");
  grpc::ClientContext second;
  v1::BaselineRequest request;
  request.set_identity("shop/cart");
  v1::BaselineReply baseline;
  ASSERT_TRUE(stub->Baseline(&second, request, &baseline).ok());
  EXPECT_EQ(baseline.baselines(0).identity().id(), "shop/cart");
}

TEST_F(Api, RefusesAQuestionThatFindsNoRoom) {
  open(0);
  grpc::ClientContext context;
  v1::TopReply top;
  EXPECT_EQ(client(path_)->Top(&context, {}, &top).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(Api, GivesUpAQuestionThatNobodyAnswers) {
  open(8);
  grpc::ClientContext context;
  v1::TopReply top;
  EXPECT_EQ(client(path_)->Top(&context, {}, &top).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(Api, HasNoThreadOfGrpcWhereNobodyAsks) {
  open(8, kShortLinger);
  serve();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask(*client(path_)), "") << "the server comes back";
    EXPECT_TRUE(thread_ends("timer_manager"));
  }
}

TEST_F(Api, AnswersAClientThatStayedWhileTheServerWasGone) {
  open(8, kShortLinger);
  serve();
  const auto stub = client(path_);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask(*stub), "");
    EXPECT_TRUE(thread_ends("grpcpp_sync_ser"));
  }
}

TEST_F(Api, IsForItsOwnUserAlone) {
  open(8);
  struct stat meta {};
  ASSERT_EQ(stat(path_.c_str(), &meta), 0);
  EXPECT_EQ(meta.st_mode & 0777U, 0600U);
  ASSERT_EQ(stat(path_.parent_path().c_str(), &meta), 0);
  EXPECT_EQ(meta.st_mode & 0777U, 0700U);
}

TEST_F(Api, IsGoneWithTheAgent) {
  open(8);
  api_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST(Peer, IsRootOrTheAgentsOwnUser) {
  EXPECT_TRUE(may_connect(0, 1000));
  EXPECT_TRUE(may_connect(1000, 1000));
  EXPECT_FALSE(may_connect(1001, 1000));
  EXPECT_FALSE(may_connect(65534, 0));
}

TEST(Peer, IsWhomTheKernelSays) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_EQ(peer_uid(pair[0]), geteuid());
  close(pair[0]);
  close(pair[1]);
  EXPECT_EQ(peer_uid(-1), std::nullopt);
}

TEST(Socket, OfADeadAgentIsReplaced) {
  const TestDir dir;
  const auto path = dir / "run/agent.sock";
  std::filesystem::create_directories(path.parent_path());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  EXPECT_TRUE(LocalSocket::open(path));
}

TEST(Socket, OfALiveAgentIsLeftAlone) {
  const TestDir dir;
  const auto first = LocalSocket::open(dir / "run/agent.sock");
  ASSERT_TRUE(first);
  const auto second = LocalSocket::open(dir / "run/agent.sock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kUnavailable);
  EXPECT_THAT(second.error().message, testing::HasSubstr("another agent listens"));
}

TEST(Socket, IsNotMadeWhereOthersMayWrite) {
  const TestDir dir;
  std::filesystem::create_directories(dir / "open");
  std::filesystem::permissions(dir / "open", std::filesystem::perms::all);
  const auto socket = LocalSocket::open(dir / "open/agent.sock");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::kPermission);
}

TEST(Socket, NeverReplacesAnotherKindOfFile) {
  const TestDir dir;
  dir.write("run/agent.sock", "precious");
  std::filesystem::permissions(dir / "run", std::filesystem::perms::owner_all);
  EXPECT_FALSE(LocalSocket::open(dir / "run/agent.sock"));
  EXPECT_TRUE(std::filesystem::exists(dir / "run/agent.sock"));
}

TEST(Socket, SaysThatAPathIsTooLong) {
  const auto socket = LocalSocket::open("/tmp/" + std::string(120, 'a') + "/agent.sock");
  ASSERT_FALSE(socket);
  EXPECT_THAT(socket.error().message, testing::HasSubstr("at most 107 bytes"));
}

}  // namespace
}  // namespace idtrail
