// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <gtest/gtest.h>

#include "agent/sources/owner.h"

namespace idtrail {
namespace {

using Labels = std::map<std::string, std::string, std::less<>>;

struct Row {
  const char* name;
  const char* pod;
  Labels labels;
  Owner owner;
};
class OwnerFromLabels : public testing::TestWithParam<Row> {};

TEST_P(OwnerFromLabels, IsTheWorkloadThatThePodsNameConfirms) {
  const auto& row = GetParam();
  const auto owner = owner_from_labels(row.pod, [&](std::string_view label) {
    const auto found = row.labels.find(label);
    return found == row.labels.end() ? std::string_view() : std::string_view(found->second);
  });
  EXPECT_EQ(owner.kind, row.owner.kind);
  EXPECT_EQ(owner.name, row.owner.name);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, OwnerFromLabels,
    testing::Values(
        Row{"deployment",
            "cart-7d9f4c5b6-x2k4q",
            {{"pod-template-hash", "7d9f4c5b6"}},
            {"Deployment", "cart"}},
        Row{"deployment_with_dashes",
            "my-cart-7d9f4-x2k4q",
            {{"pod-template-hash", "7d9f4"}},
            {"Deployment", "my-cart"}},
        Row{"hash_that_the_name_denies", "evil", {{"pod-template-hash", "7d9f4"}}, {"Pod", "evil"}},
        Row{"suffix_that_is_none",
            "cart-7d9f4-X.k4q",
            {{"pod-template-hash", "7d9f4"}},
            {"Pod", "cart-7d9f4-X.k4q"}},
        Row{"job", "backup-x2k4q", {{"batch.kubernetes.io/job-name", "backup"}}, {"Job", "backup"}},
        Row{"job_of_before_1_27", "backup-x2k4q", {{"job-name", "backup"}}, {"Job", "backup"}},
        Row{"indexed_job",
            "backup-0-x2k4q",
            {{"batch.kubernetes.io/job-name", "backup"}},
            {"Job", "backup"}},
        Row{"cron_job_stays_a_job",
            "backup-28374615-x2k4q",
            {{"batch.kubernetes.io/job-name", "backup-28374615"}},
            {"Job", "backup-28374615"}},
        Row{"job_that_the_name_denies",
            "evil-x2k4q",
            {{"batch.kubernetes.io/job-name", "backup"}},
            {"Pod", "evil-x2k4q"}},
        Row{"stateful_set",
            "db-2",
            {{"statefulset.kubernetes.io/pod-name", "db-2"},
             {"controller-revision-hash", "db-5b8c"}},
            {"StatefulSet", "db"}},
        Row{"stateful_set_of_another_pod",
            "web-2",
            {{"statefulset.kubernetes.io/pod-name", "db-2"}},
            {"Pod", "web-2"}},
        Row{"daemon_set",
            "proxy-bcdfg",
            {{"controller-revision-hash", "5b8c"}, {"pod-template-generation", "1"}},
            {"DaemonSet", "proxy"}},
        Row{"revision_alone",
            "proxy-bcdfg",
            {{"controller-revision-hash", "5b8c"}},
            {"Pod", "proxy-bcdfg"}},
        Row{"bare_pod", "shell", {}, {"Pod", "shell"}}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace idtrail
