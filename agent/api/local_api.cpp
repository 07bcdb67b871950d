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

 private:
  /// The job owns copies of all it uses: a question that was given up may still run.
  template <typename Request, typename Reply>
  grpc::Status ask(std::function<Reply(const Request&)> LocalAnswers::*answer,
                   const Request& request, Reply& reply) {
    auto promise = std::make_shared<std::promise<Reply>>();
    auto future = promise->get_future();
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
};

class Api final : public LocalApi {
 public:
  Api(LocalSocket socket, LocalAnswers answers)
      : socket_(std::move(socket)),
        service_(std::move(answers)),
        stop_fd_(eventfd(0, EFD_CLOEXEC)) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    builder.SetMaxReceiveMessageSize(kMaxRequest);
    grpc::ResourceQuota quota("local_api");
    quota.SetMaxThreads(kMaxThreads);
    builder.SetResourceQuota(quota);
    builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
    server_ = builder.BuildAndStart();
    accepting_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }

  ~Api() override {
    accepting_.request_stop();
    (void)eventfd_write(stop_fd_, 1);
    accepting_.join();
    close(stop_fd_);
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  }

  [[nodiscard]] std::uint64_t turned_away() const override { return turned_away_.load(); }

 private:
  void accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::array<pollfd, 2> waits{{{socket_.fd(), POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
      if (poll(waits.data(), waits.size(), -1) < 0 || (waits[0].revents & POLLIN) == 0) continue;
      const int fd = accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) {
        poll(&waits[1], 1, kAcceptPauseMs);  // out of descriptors: the connection still waits
        continue;
      }
      const auto peer = peer_uid(fd);
      if (!peer || !may_connect(*peer, geteuid())) {
        turned_away_.fetch_add(1);
        close(fd);
        continue;
      }
      grpc::AddInsecureChannelFromFd(server_.get(), fd);  // owns it from here on
    }
  }

  LocalSocket socket_;
  Service service_;
  int stop_fd_;
  std::atomic<std::uint64_t> turned_away_{0};
  std::unique_ptr<grpc::Server> server_;
  std::jthread accepting_;
};

}  // namespace

Result<std::unique_ptr<LocalApi>> LocalApi::open(const std::filesystem::path& socket,
                                                 LocalAnswers answers) {
  auto listening = LocalSocket::open(socket);
  if (!listening) return listening.error();
  return std::unique_ptr<LocalApi>(
      std::make_unique<Api>(std::move(*listening), std::move(answers)));
}

}  // namespace idtrail
