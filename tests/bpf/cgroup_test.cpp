// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

using CgroupTest = ProbeTest;

TEST_F(CgroupTest, TellsWhatIsMadeAndRemoved) {
  const std::string place = cgroup_root() + "/bpf-tests/pod";
  std::uint64_t id = 0;
  const Acted maker = in_child([&] { return mkdir(place.c_str(), 0755); });
  id = inode_of(place);
  const Acted remover = in_child([&] { return rmdir(place.c_str()); });
  const Records records = seen();

  const Records made = select(records, EVENT_cgroup, maker.tgid);
  ASSERT_EQ(made.size(), 1U);
  expect_header(made[0], EVENT_cgroup, maker);
  const auto payload = made[0].payload<cgroup_payload>();
  EXPECT_EQ(payload.id, id);
  EXPECT_EQ(payload.parent_id, own_cgroup_id());
  EXPECT_EQ(payload.op, CGROUP_MADE);
  EXPECT_EQ(payload.level, 2U);
  const std::string path = "/bpf-tests/pod";
  EXPECT_EQ(payload.path_size, path.size() + 1);
  EXPECT_EQ(made[0].tail(sizeof(payload), 0, payload.path_size), path + '\0');
  EXPECT_EQ(made[0].body.size(), sizeof(payload) + payload.path_size);

  const Records removed = select(records, EVENT_cgroup, remover.tgid);
  ASSERT_EQ(removed.size(), 1U);
  expect_header(removed[0], EVENT_cgroup, remover);
  const auto gone = removed[0].payload<cgroup_payload>();
  EXPECT_EQ(gone.id, id);
  EXPECT_EQ(gone.parent_id, own_cgroup_id());
  EXPECT_EQ(gone.op, CGROUP_REMOVED);
  EXPECT_EQ(gone.level, 2U);
  EXPECT_EQ(gone.path_size, 0U);
  EXPECT_EQ(removed[0].body.size(), sizeof(gone));
}

TEST_F(CgroupTest, IsSilentOnWhatFails) {
  in_child([] { return mkdir((cgroup_root() + "/bpf-tests").c_str(), 0755); });  // is there
  in_child([] { return rmdir((cgroup_root() + "/bpf-tests").c_str()); });        // is in use
  EXPECT_TRUE(select(seen(), EVENT_cgroup).empty());
}

}  // namespace
}  // namespace idtrail::test
