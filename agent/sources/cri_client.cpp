// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/cri_client.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "agent/sources/owner.h"
#include "idtrail/cri.grpc.pb.h"

namespace idtrail {
namespace {

namespace cri = runtime::v1;

constexpr std::chrono::seconds kCallTime{2};
constexpr int kMaxMessage = 16 << 20;  // bytes; as the kubelet's
constexpr int kConnectMs = 2000;       // for one attempt; gRPC takes the minimal back-off for it
constexpr int kMaxReconnectMs = 5000;

template <typename Labels>
std::string label(const Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

std::shared_ptr<grpc::Channel> connect(const std::filesystem::path& socket) {
  grpc::ChannelArguments arguments;
  // gRPC 1.57 and later derive an authority from the path that servers refuse.
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel("unix:" + socket.string(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

void state_pod(const cri::PodSandbox& sandbox, v1::ContainerFact& fact) {
  const auto& pod = sandbox.metadata();
  fact.set_namespace_(pod.namespace_());
  fact.set_pod(pod.name());
  fact.set_pod_uid(pod.uid());
  const auto& labels = sandbox.labels();
  const auto owner = owner_from_labels(pod.name(), [&](std::string_view name) {
    const auto found = labels.find(std::string(name));
    return found == labels.end() ? std::string_view() : std::string_view(found->second);
  });
  fact.set_owner_kind(owner.kind);
  fact.set_owner_name(owner.name);
}

/// The part of "name@sha256:…" that names the content; empty where there is none.
std::string digest_of(const std::string& reference) {
  const auto at = reference.rfind("sha256:");
  return at == std::string::npos ? "" : reference.substr(at);
}

}  // namespace

class CriClient::Calls {
 public:
  explicit Calls(const std::filesystem::path& socket)
      : socket_(socket), stub_(cri::RuntimeService::NewStub(connect(socket))) {}

  Result<std::optional<cri::PodSandbox>> sandbox(const std::string& id) {
    cri::ListPodSandboxRequest request;
    request.mutable_filter()->set_id(id);
    auto reply = call<cri::ListPodSandboxResponse>(
        [&](auto* context, auto* out) { return stub_->ListPodSandbox(context, request, out); });
    if (!reply) return reply.error();
    for (const auto& item : reply->items()) {
      if (item.id() == id) return std::optional(item);  // the filter also takes a prefix
    }
    return std::optional<cri::PodSandbox>();
  }

  Result<std::optional<cri::Container>> container(const std::string& id) {
    cri::ListContainersRequest request;
    request.mutable_filter()->set_id(id);
    auto reply = call<cri::ListContainersResponse>(
        [&](auto* context, auto* out) { return stub_->ListContainers(context, request, out); });
    if (!reply) return reply.error();
    for (const auto& item : reply->containers()) {
      if (item.id() == id) return std::optional(item);
    }
    return std::optional<cri::Container>();
  }

  /// The status alone names the image by the digest it was pulled by.
  std::string image_digest(const cri::Container& container) {
    cri::ContainerStatusRequest request;
    request.set_container_id(container.id());
    auto reply = call<cri::ContainerStatusResponse>(
        [&](auto* context, auto* out) { return stub_->ContainerStatus(context, request, out); });
    std::string digest = reply ? digest_of(reply->status().image_ref()) : "";
    return digest.empty() ? digest_of(container.image_ref()) : digest;
  }

  Result<std::vector<std::string>> ids() {
    auto sandboxes = call<cri::ListPodSandboxResponse>(
        [&](auto* context, auto* out) { return stub_->ListPodSandbox(context, {}, out); });
    if (!sandboxes) return sandboxes.error();
    auto containers = call<cri::ListContainersResponse>(
        [&](auto* context, auto* out) { return stub_->ListContainers(context, {}, out); });
    if (!containers) return containers.error();
    std::vector<std::string> ids;
    for (const auto& item : sandboxes->items()) ids.push_back(item.id());
    for (const auto& item : containers->containers()) ids.push_back(item.id());
    return ids;
  }

 private:
  template <typename Reply, typename Rpc>
  Result<Reply> call(Rpc&& rpc) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTime);
    Reply reply;
    const grpc::Status status = rpc(&context, &reply);
    if (status.ok()) return reply;
    return Error{Errc::kUnavailable, fmt::format("ask the container runtime at {}: {}",
                                                 socket_.string(), status.error_message())};
  }

  std::filesystem::path socket_;
  std::unique_ptr<cri::RuntimeService::Stub> stub_;
};

CriClient::CriClient(std::filesystem::path socket) : socket_(std::move(socket)) {}
CriClient::~CriClient() = default;
CriClient::CriClient(CriClient&&) noexcept = default;
CriClient& CriClient::operator=(CriClient&&) noexcept = default;

CriClient::Calls& CriClient::calls() {
  if (calls_ == nullptr) calls_ = std::make_unique<Calls>(socket_);
  return *calls_;
}

void CriClient::rest() { calls_.reset(); }

Result<std::optional<v1::ContainerFact>> CriClient::look_up(const std::string& container_id) {
  auto container = calls().container(container_id);
  if (!container) return container.error();
  const std::string sandbox_id = *container ? (*container)->pod_sandbox_id() : container_id;
  auto sandbox = calls().sandbox(sandbox_id);
  if (!sandbox) return sandbox.error();
  if (!*sandbox) return std::optional<v1::ContainerFact>();
  v1::ContainerFact fact;
  fact.set_container_id(container_id);
  fact.set_found(true);
  fact.set_runtime("cri");
  fact.set_sandbox(!container->has_value());
  state_pod(**sandbox, fact);
  if (*container) {
    const std::string named = label((*container)->labels(), "io.kubernetes.container.name");
    fact.set_container(named.empty() ? (*container)->metadata().name() : named);
    fact.set_image((*container)->image().image());
    fact.set_image_digest(calls().image_digest(**container));
  }
  return std::optional(std::move(fact));
}

Result<std::vector<std::string>> CriClient::ids() { return calls().ids(); }

}  // namespace idtrail
