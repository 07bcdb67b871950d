// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <set>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "agent/sources/containers.h"
#include "agent/sources/cri_client.h"
#include "idtrail/cri.grpc.pb.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

namespace cri = runtime::v1;
using testing::HasSubstr;

/// A runtime with one pod of one container, which it may show only after some questions.
class Runtime final : public cri::RuntimeService::Service {
 public:
  grpc::Status ListContainers(grpc::ServerContext*, const cri::ListContainersRequest* request,
                              cri::ListContainersResponse* reply) override {
    if (request->filter().id() == "gone" || hidden_.fetch_sub(1) > 0) return grpc::Status::OK;
    auto* item = reply->add_containers();
    item->set_id("c1");
    item->set_pod_sandbox_id("s1");
    item->mutable_image()->set_image("cart:1");
    item->set_image_ref("sha256:config");
    (*item->mutable_labels())["io.kubernetes.container.name"] = "cart";
    return grpc::Status::OK;
  }
  grpc::Status ListPodSandbox(grpc::ServerContext*, const cri::ListPodSandboxRequest* request,
                              cri::ListPodSandboxResponse* reply) override {
    if (request->filter().id() != "s1" && !request->filter().id().empty()) return grpc::Status::OK;
    auto* item = reply->add_items();
    item->set_id("s1");
    item->mutable_metadata()->set_namespace_("shop");
    item->mutable_metadata()->set_name("cart-7d9f4-x2k4q");
    item->mutable_metadata()->set_uid("u1");
    (*item->mutable_labels())["pod-template-hash"] = "7d9f4";
    return grpc::Status::OK;
  }
  grpc::Status ContainerStatus(grpc::ServerContext*, const cri::ContainerStatusRequest*,
                               cri::ContainerStatusResponse* reply) override {
    reply->mutable_status()->set_image_ref("registry/cart@sha256:pulled");
    return grpc::Status::OK;
  }
  void hide_for(int questions) { hidden_ = questions; }

 private:
  std::atomic<int> hidden_{0};
};

class LookUps : public testing::Test {
 protected:
  void serve() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_.string(), grpc::InsecureServerCredentials());
    builder.RegisterService(&runtime_);
    server_ = builder.BuildAndStart();
  }
  std::unique_ptr<ContainerLookUps> look_ups(std::chrono::milliseconds deadline) {
    return std::make_unique<ContainerLookUps>(
        ContainerSettings{.cri_socket = socket_,
                          .runtime_state = dir_.path(),
                          .cgroup_root = dir_.path(),
                          .deadline = deadline,
                          .answer = [this](v1::Fact fact) { answers_.push(std::move(fact)); }});
  }
  v1::ContainerFact next() {
    const auto fact = answers_.pop({}, std::chrono::seconds(20));
    EXPECT_TRUE(fact) << "no answer";
    return fact ? fact->container() : v1::ContainerFact();
  }

  TestDir dir_;
  std::filesystem::path socket_ = dir_ / "cri.sock";
  Runtime runtime_;
  std::unique_ptr<grpc::Server> server_;
  RefusingQueue<v1::Fact> answers_{64};
};

TEST_F(LookUps, ConnectAgainAfterARest) {
  serve();
  CriClient runtime(socket_);
  EXPECT_TRUE(runtime.rests()) << "before the first call";
  for (int i = 0; i < 2; ++i) {
    const auto ids = runtime.ids();
    ASSERT_TRUE(ids);
    EXPECT_THAT(*ids, testing::ElementsAre("s1", "c1"));
    EXPECT_FALSE(runtime.rests());
    runtime.rest();
    EXPECT_TRUE(runtime.rests());
  }
}

TEST_F(LookUps, NameTheContainerByItsPodsLabels) {
  serve();
  const auto asked = look_ups(std::chrono::seconds(10));
  asked->ask("c1");
  const auto fact = next();
  EXPECT_TRUE(fact.found());
  EXPECT_EQ(fact.namespace_(), "shop");
  EXPECT_EQ(fact.pod(), "cart-7d9f4-x2k4q");
  EXPECT_EQ(fact.pod_uid(), "u1");
  EXPECT_EQ(fact.container(), "cart");
  EXPECT_EQ(fact.owner_kind(), "Deployment");
  EXPECT_EQ(fact.owner_name(), "cart");
  EXPECT_EQ(fact.image_digest(), "sha256:pulled");
  EXPECT_FALSE(fact.sandbox());
  EXPECT_EQ(asked->missing(), "");
}

TEST_F(LookUps, TellASandboxFromAContainer) {
  serve();
  runtime_.hide_for(1);
  const auto asked = look_ups(std::chrono::seconds(10));
  asked->ask("s1");
  EXPECT_TRUE(next().sandbox());
}

TEST_F(LookUps, AskAgainUntilTheRuntimeShowsTheContainer) {
  serve();
  runtime_.hide_for(3);
  const auto asked = look_ups(std::chrono::seconds(10));
  asked->ask("c1");
  EXPECT_TRUE(next().found());
}

TEST_F(LookUps, GiveUpAtTheDeadline) {
  serve();
  const auto asked = look_ups(std::chrono::milliseconds(100));
  asked->ask("gone");
  const auto fact = next();
  EXPECT_EQ(fact.container_id(), "gone");
  EXPECT_FALSE(fact.found());
}

TEST_F(LookUps, TakeTheRuntimesStateWhereTheSocketIsSilent) {
  dir_.write("io.containerd.runtime.v2.task/k8s.io/c1/config.json", R"({"annotations":{
    "io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-name":"cart-1",
    "io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"u1"}})");
  const auto asked = look_ups(std::chrono::seconds(10));
  asked->ask("c1");
  EXPECT_EQ(next().pod(), "cart-1");
  EXPECT_THAT(asked->missing(), HasSubstr(socket_.string()));
  EXPECT_GT(asked->failed_calls(), 0U);
}

TEST_F(LookUps, ReturnToARuntimeThatComesBack) {
  const auto asked = look_ups(std::chrono::seconds(10));
  asked->ask_all();
  serve();
  std::set<std::string> ids{next().container_id(), next().container_id()};
  EXPECT_THAT(ids, testing::ElementsAre("c1", "s1"));
  EXPECT_EQ(asked->missing(), "");
}

}  // namespace
}  // namespace idtrail
