// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/common/result.h"
#include "idtrail/cri.grpc.pb.h"

namespace idtrail::rig {

namespace cri = runtime::v1;

/// The container runtime's socket. Calls block; a call that the runtime is not ready for yet (it is
/// coming up, it has not noticed a new image) is made again until the deadline of the client.
class CriClient {
 public:
  CriClient(const std::string& socket, std::chrono::seconds patience);

  Result<std::string> run_sandbox(const cri::PodSandboxConfig& config);
  Result<void> remove_sandbox(const std::string& id);  // stops it, its containers and its network
  Result<cri::PodSandboxStatus> sandbox_status(const std::string& id);
  Result<std::vector<cri::PodSandbox>> list_sandboxes();

  Result<std::string> start_container(const std::string& sandbox, const cri::PodSandboxConfig& pod,
                                      const cri::ContainerConfig& config);
  Result<cri::ContainerStatus> container_status(const std::string& id);
  Result<std::vector<cri::Container>> list_containers(const std::string& sandbox);
  Result<cri::ExecSyncResponse> exec(const std::string& container,
                                     const std::vector<std::string>& argv);

 private:
  template <typename Request, typename Response>
  using Method = grpc::Status (cri::RuntimeService::Stub::*)(grpc::ClientContext*, const Request&,
                                                             Response*);
  template <typename Request, typename Response>
  Result<Response> call(std::string_view what, Method<Request, Response> method,
                        const Request& request);

  std::unique_ptr<cri::RuntimeService::Stub> stub_;
  std::chrono::system_clock::time_point deadline_;
};

}  // namespace idtrail::rig
