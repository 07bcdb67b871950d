// SPDX-License-Identifier: Apache-2.0
// Classes that take no part in a baseline yet: counted under the identity, and nothing more.
#include <gtest/gtest.h>

#include "agent/pipeline.h"
#include "tests/unit/agent_scenario.h"

namespace idtrail {
namespace {

using testing::Act;
using testing::Bytes;

/// A pipeline with a pod that is known and has a baseline.
struct Pod {
  Pipeline pipeline{testing::snapshot()};
  Act app{.at = 100 * testing::kSecond, .cgroup = testing::kCgroupA, .tgid = 200, .start = 100};

  Pod() {
    pipeline.on_fact(testing::cgroup_fact(1, 0, "/"));
    pipeline.on_fact(testing::cgroup_fact(testing::kPodCgroup, 1, testing::pod_path()));
    pipeline.on_record(testing::cgroup_record({.at = app.at}, testing::kCgroupA,
                                              testing::kPodCgroup, testing::path_a()));
    pipeline.on_fact(
        testing::token_volume_fact(testing::kTokenDevice, testing::kPodUid, testing::kTokenInode));
    pipeline.on_fact(testing::container_fact(testing::kIdA, testing::kPodUid));
    pipeline.on_record(testing::exec_record(app, testing::kNodeJs));
  }
  /// How often the class was counted under the pod's identity.
  [[nodiscard]] std::uint64_t counted(const std::string& event_class) const {
    const v1::TopReply top = pipeline.top();
    for (const v1::TopRow& row : top.rows()) {
      const auto found = row.events().find(event_class);
      if (row.identity().owner_name() == "web" && found != row.events().end()) {
        return found->second;
      }
    }
    return 0;
  }
};

TEST(Acts, AreCountedUnderTheirIdentityAndRaiseNothing) {
  const Act app = Pod().app;
  const std::pair<std::string, Bytes> acts[] = {
      {"listen", testing::listen_record(app, testing::kNodeJs, 8080)},
      {"accept", testing::accept_record(app, testing::kNodeJs, 8080)},
      {"unix", testing::unix_record(app, testing::kNodeJs, "/run/docker.sock", "")},
      {"write", testing::write_record(app, testing::kNodeJs, "/etc/cron.d/job")},
      {"flow", testing::flow_record(app, testing::kNodeJs, 10, 20)},
      {"dns", testing::name_record(app, EVENT_dns, "a.example")},
      {"tls", testing::name_record(app, EVENT_tls, "a.example")},
      {"http", testing::name_record(app, EVENT_http, "GET /latest")},
  };
  for (const auto& [event_class, record] : acts) {
    Pod pod;
    const auto before = pod.pipeline.baseline("").SerializeAsString();
    pod.pipeline.on_record(record);
    EXPECT_EQ(pod.counted(event_class), 1U) << event_class;
    EXPECT_EQ(pod.pipeline.baseline("").SerializeAsString(), before) << event_class;
    pod.pipeline.finish();
    EXPECT_TRUE(pod.pipeline.take_findings().empty()) << event_class;
  }
}

TEST(Acts, AFlowLeavesItsOpenerTheProgramThatItRunsByNow) {
  testing::Node node;
  const Act app = node.start_a("/usr/bin/node");
  const Subject& subject = node.subject(testing::flow_record(app, {.path = "/bin/sh"}, 1, 2));
  EXPECT_EQ(subject.executable, "/usr/bin/node");
  EXPECT_EQ(node.counters_[Counter::exec_missed], 0U);
}

TEST(Acts, AFlowOutlivesItsOpener) {
  testing::Node node;
  const Act app = node.start_a("/usr/bin/node");
  node.feed(testing::exit_record(app));
  EXPECT_EQ(node.subject(testing::flow_record(app, testing::kNodeJs, 1, 2)).executable,
            "/usr/bin/node");
}

}  // namespace
}  // namespace idtrail
