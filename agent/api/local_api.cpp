// SPDX-License-Identifier: Apache-2.0
#include "agent/api/local_api.h"

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/api/local_socket.h"
#include "idtrail/idtrail.grpc.pb.h"

namespace idtrail {
namespace {

constexpr std::chrono::seconds kAnswerTime{2};
constexpr std::chrono::milliseconds kEndTime{200};
constexpr int kMaxThreads = 8;
constexpr int kAcceptPauseMs = 100;
constexpr int kMaxRequest = 64 << 10;  // bytes

/// Carries each question to the thread that owns the answers and waits for the reply.
class Service final : public v1::LocalAgent::Service {
 public:
  explicit Service(LocalAnswers answers)
      : answers_(std::make_shared<LocalAnswers>(std::move(answers))) {}

  grpc::Status Top(grpc::ServerContext*, const v1::TopRequest* request,
                   v1::TopReply* reply) override {
    return ask(&LocalAnswers::top, *request, *reply);
  }
  grpc::Status Findings(grpc::ServerContext*, const v1::FindingsRequest* request,
                        v1::FindingsReply* reply) override {
    return ask(&LocalAnswers::findings, *request, *reply);
  }
  grpc::Status Baseline(grpc::ServerContext*, const v1::BaselineRequest* request,
                        v1::BaselineReply* reply) override {
    return ask(&LocalAnswers::baseline, *request, *reply);
  }
  grpc::Status Coverage(grpc::ServerContext*, const v1::CoverageRequest* request,
                        v1::CoverageReply* reply) override {
    return ask(&LocalAnswers::coverage, *request, *reply);
  }
  grpc::Status Doctor(grpc::ServerContext*, const v1::DoctorRequest* request,
                      v1::DoctorReply* reply) override {
    return ask(&LocalAnswers::doctor, *request, *reply);
  }

  void note_asked() { asked_.store(true); }
  /// Whether anybody has asked since this was called last.
  bool was_asked() { return asked_.exchange(false); }

 private:
  /// The job owns copies of all it uses: a question that was given up may still run.
  template <typename Request, typename Reply>
  grpc::Status ask(std::function<Reply(const Request&)> LocalAnswers::*answer,
                   const Request& request, Reply& reply) {
    auto promise = std::make_shared<std::promise<Reply>>();
    auto future = promise->get_future();
    note_asked();
    const bool posted = answers_->post([answers = answers_, promise, answer, request] {
      promise->set_value(((*answers).*answer)(request));
    });
    if (!posted) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              "the agent has too many questions waiting; try again"};
    }
    if (future.wait_for(kAnswerTime) != std::future_status::ready) {
      return {grpc::StatusCode::DEADLINE_EXCEEDED, "the agent is busy; try again"};
    }
    reply = future.get();
    return grpc::Status::OK;
  }

  std::shared_ptr<LocalAnswers> answers_;
  std::atomic<bool> asked_{false};
};

class Api final : public LocalApi {
 public:
  Api(LocalSocket socket, LocalAnswers answers, std::chrono::milliseconds linger)
      : socket_(std::move(socket)),
        service_(std::move(answers)),
        linger_ms_(static_cast<int>(linger.count())),
        stop_fd_(eventfd(0, EFD_CLOEXEC)),
        accepting_([this](const std::stop_token& stop) { accept_all(stop); }) {}

  ~Api() override {
    accepting_.request_stop();
    (void)eventfd_write(stop_fd_, 1);
    accepting_.join();
    close(stop_fd_);
  }

  [[nodiscard]] std::uint64_t turned_away() const override { return turned_away_.load(); }

 private:
  void accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::array<pollfd, 2> waits{{{socket_.fd(), POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
      const int woken = poll(waits.data(), waits.size(), server_ ? linger_ms_ : -1);
      if (woken == 0 && !service_.was_asked()) end_server();
      if (woken > 0 && (waits[0].revents & POLLIN) != 0) accept_one();
    }
    end_server();
  }

  void accept_one() {
    const int fd = accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      pollfd stopped{stop_fd_, POLLIN, 0};
      poll(&stopped, 1, kAcceptPauseMs);  // out of descriptors: the connection still waits
      return;
    }
    const auto peer = peer_uid(fd);
    if (!peer || !may_connect(*peer, geteuid())) {
      turned_away_.fetch_add(1);
      close(fd);
      return;
    }
    service_.note_asked();
    if (!server_) start_server();
    if (!server_) {
      close(fd);
      return;
    }
    grpc::AddInsecureChannelFromFd(server_.get(), fd);  // owns it from here on
  }

  void start_server() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    builder.SetMaxReceiveMessageSize(kMaxRequest);
    grpc::ResourceQuota quota("local_api");
    quota.SetMaxThreads(kMaxThreads);
    builder.SetResourceQuota(quota);
    builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
    server_ = builder.BuildAndStart();
  }

  /// A client that is still connected comes again with its next question.
  void end_server() {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + kEndTime);
    server_.reset();
  }

  LocalSocket socket_;
  Service service_;
  int linger_ms_;
  int stop_fd_;
  std::atomic<std::uint64_t> turned_away_{0};
  std::unique_ptr<grpc::Server> server_;  // the accepting thread's
  std::jthread accepting_;                // last: it uses everything above
};

}  // namespace

Result<std::unique_ptr<LocalApi>> LocalApi::open(const std::filesystem::path& socket,
                                                 LocalAnswers answers,
                                                 std::chrono::milliseconds linger) {
  auto listening = LocalSocket::open(socket);
  if (!listening) return listening.error();
  return std::unique_ptr<LocalApi>(
      std::make_unique<Api>(std::move(*listening), std::move(answers), linger));
}

}  // namespace idtrail
