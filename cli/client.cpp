// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include "idtrail/idtrail.grpc.pb.h"

namespace idtrail {
namespace {

constexpr std::chrono::seconds kCallTime{5};
constexpr int kMaxReply = 256 << 20;  // bytes; 4096 identities of 64 KiB

std::shared_ptr<grpc::Channel> connect(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  arguments.SetMaxReceiveMessageSize(kMaxReply);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

/// Why nobody can answer there, in words that help; empty where the socket is there.
std::string why_not(const std::string& socket) {
  struct stat meta {};
  if (stat(socket.c_str(), &meta) == 0) return "";
  if (errno == EACCES) return "not permitted: ask as root, or as the agent's own user";
  return fmt::format("{}: is idtrail-agent running? --socket names another place",
                     std::strerror(errno));
}

}  // namespace

class AgentClient::Calls {
 public:
  explicit Calls(const std::string& socket)
      : socket_(socket), stub_(v1::LocalAgent::NewStub(connect(socket))) {}

  template <typename Reply, typename Request>
  Result<Reply> ask(grpc::Status (v1::LocalAgent::Stub::*rpc)(grpc::ClientContext*, const Request&,
                                                              Reply*),
                    const Request& request) {
    if (const auto why = why_not(socket_); !why.empty()) {
      return Error{Errc::kUnavailable, fmt::format("ask the agent at {}: {}", socket_, why)};
    }
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTime);
    Reply reply;
    const auto status = (stub_.get()->*rpc)(&context, request, &reply);
    if (status.ok()) return reply;
    return Error{Errc::kUnavailable,
                 fmt::format("ask the agent at {}: {}; is it running, and are you root "
                             "or its own user?",
                             socket_, status.error_message())};
  }

 private:
  std::string socket_;
  std::unique_ptr<v1::LocalAgent::Stub> stub_;
};

AgentClient::AgentClient(const std::string& socket) : calls_(std::make_unique<Calls>(socket)) {}
AgentClient::~AgentClient() = default;

Result<v1::TopReply> AgentClient::top() {
  return calls_->ask(&v1::LocalAgent::Stub::Top, v1::TopRequest());
}
Result<v1::FindingsReply> AgentClient::findings(const v1::FindingsRequest& request) {
  return calls_->ask(&v1::LocalAgent::Stub::Findings, request);
}
Result<v1::BaselineReply> AgentClient::baseline(const std::string& selector) {
  v1::BaselineRequest request;
  request.set_identity(selector);
  return calls_->ask(&v1::LocalAgent::Stub::Baseline, request);
}
Result<v1::CoverageReply> AgentClient::coverage() {
  return calls_->ask(&v1::LocalAgent::Stub::Coverage, v1::CoverageRequest());
}
Result<v1::DoctorReply> AgentClient::doctor() {
  return calls_->ask(&v1::LocalAgent::Stub::Doctor, v1::DoctorRequest());
}

}  // namespace idtrail
