// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/cri_client.h"

#include <thread>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

namespace idtrail::rig {

namespace {

constexpr std::chrono::milliseconds kRetryEvery{200};

std::shared_ptr<grpc::Channel> open_channel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  // Of a unix socket gRPC makes an authority that Go servers refuse.
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

/// The runtime says so while it comes up, and for an image that it was given a moment ago.
bool not_ready_yet(const grpc::Status& status) {
  const std::string& text = status.error_message();
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         text.find("not initialized yet") != std::string::npos ||
         text.find("cni plugin not initialized") != std::string::npos ||
         text.find("failed to pull") != std::string::npos ||
         (text.find("image") != std::string::npos && text.find("not found") != std::string::npos);
}

Errc code_of(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND:
      return Errc::kNotFound;
    case grpc::StatusCode::INVALID_ARGUMENT:
      return Errc::kInvalid;
    case grpc::StatusCode::PERMISSION_DENIED:
      return Errc::kPermission;
    default:
      return Errc::kUnavailable;
  }
}

}  // namespace

CriClient::CriClient(const std::string& socket, std::chrono::seconds patience)
    : stub_(cri::RuntimeService::NewStub(open_channel(socket))),
      deadline_(std::chrono::system_clock::now() + patience) {}

template <typename Request, typename Response>
Result<Response> CriClient::call(std::string_view what, Method<Request, Response> method,
                                 const Request& request) {
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(deadline_);
    context.set_wait_for_ready(true);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (status.ok()) return response;
    if (!not_ready_yet(status) || std::chrono::system_clock::now() + kRetryEvery > deadline_) {
      return Error{code_of(status), fmt::format("{}: {}", what, status.error_message())};
    }
    std::this_thread::sleep_for(kRetryEvery);
  }
}

Result<std::string> CriClient::run_sandbox(const cri::PodSandboxConfig& config) {
  cri::RunPodSandboxRequest request;
  *request.mutable_config() = config;
  auto response = call("run the sandbox", &cri::RuntimeService::Stub::RunPodSandbox, request);
  if (!response) return response.error();
  return response->pod_sandbox_id();
}

Result<void> CriClient::remove_sandbox(const std::string& id) {
  cri::StopPodSandboxRequest stop;
  stop.set_pod_sandbox_id(id);
  if (auto done = call("stop the sandbox", &cri::RuntimeService::Stub::StopPodSandbox, stop); !done)
    return done.error();
  cri::RemovePodSandboxRequest remove;
  remove.set_pod_sandbox_id(id);
  if (auto done = call("remove the sandbox", &cri::RuntimeService::Stub::RemovePodSandbox, remove);
      !done) {
    return done.error();
  }
  return {};
}

Result<cri::PodSandboxStatus> CriClient::sandbox_status(const std::string& id) {
  cri::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(id);
  auto response =
      call("read the sandbox's status", &cri::RuntimeService::Stub::PodSandboxStatus, request);
  if (!response) return response.error();
  return response->status();
}

Result<std::vector<cri::PodSandbox>> CriClient::list_sandboxes() {
  auto response = call("list sandboxes", &cri::RuntimeService::Stub::ListPodSandbox,
                       cri::ListPodSandboxRequest{});
  if (!response) return response.error();
  return std::vector<cri::PodSandbox>(response->items().begin(), response->items().end());
}

Result<std::string> CriClient::start_container(const std::string& sandbox,
                                               const cri::PodSandboxConfig& pod,
                                               const cri::ContainerConfig& config) {
  cri::CreateContainerRequest create;
  create.set_pod_sandbox_id(sandbox);
  *create.mutable_config() = config;
  *create.mutable_sandbox_config() = pod;
  auto created = call("create the container", &cri::RuntimeService::Stub::CreateContainer, create);
  if (!created) return created.error();
  cri::StartContainerRequest start;
  start.set_container_id(created->container_id());
  if (auto done = call("start the container", &cri::RuntimeService::Stub::StartContainer, start);
      !done) {
    return done.error();
  }
  return created->container_id();
}

Result<cri::ContainerStatus> CriClient::container_status(const std::string& id) {
  cri::ContainerStatusRequest request;
  request.set_container_id(id);
  auto response =
      call("read the container's status", &cri::RuntimeService::Stub::ContainerStatus, request);
  if (!response) return response.error();
  return response->status();
}

Result<std::vector<cri::Container>> CriClient::list_containers(const std::string& sandbox) {
  cri::ListContainersRequest request;
  request.mutable_filter()->set_pod_sandbox_id(sandbox);
  auto response = call("list containers", &cri::RuntimeService::Stub::ListContainers, request);
  if (!response) return response.error();
  return std::vector<cri::Container>(response->containers().begin(), response->containers().end());
}

Result<cri::ExecSyncResponse> CriClient::exec(const std::string& container,
                                              const std::vector<std::string>& argv) {
  cri::ExecSyncRequest request;
  request.set_container_id(container);
  request.mutable_cmd()->Assign(argv.begin(), argv.end());
  return call("exec in the container", &cri::RuntimeService::Stub::ExecSync, request);
}

}  // namespace idtrail::rig
