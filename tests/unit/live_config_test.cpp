// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/config.h"
#include "agent/durations.h"
#include "tests/unit/live_dir.h"

namespace idtrail {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(Config, HoldsItsDefaultsWhereTheFileIsEmpty) {
  const auto config = parse_config("# nothing\n", "idtrail.yaml", {});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->kubelet_root, "/var/lib/kubelet");
  EXPECT_EQ(config->learning_window, hours(24));
  EXPECT_FALSE(config->syscalls) << "it taxes every system call";
}

TEST(Config, TakesEveryLevelOfAFile) {
  const auto config = parse_config(R"(
node: worker-1
baseline: {learning_window: 60s}
store: ""
credential_readers: [/usr/bin/kubelet, /opt/agent]
ring_size: 16MiB
findings_kept: 5
syscalls: true
quota: {urgent: 10, bulk: 20}
metrics: {listen: "[::1]:9100"}
)",
                                   "idtrail.yaml", {});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->node, "worker-1");
  EXPECT_EQ(config->learning_window, seconds(60));
  EXPECT_TRUE(config->store.empty());
  EXPECT_THAT(config->credential_readers, testing::ElementsAre("/usr/bin/kubelet", "/opt/agent"));
  EXPECT_EQ(config->ring_bytes, 16U << 20U);
  EXPECT_EQ(config->findings_kept, 5U);
  EXPECT_TRUE(config->syscalls);
  EXPECT_EQ(config->quota_urgent, 10U);
  EXPECT_EQ(config->quota_bulk, 20U);
  EXPECT_EQ(config->metrics_listen, "[::1]:9100");
}

TEST(Config, LaysTheFileOverWhatWasThere) {
  Config base;
  base.cluster = "dev";
  base.node = "one";
  const auto config = parse_config("node: two", "idtrail.yaml", base);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->cluster, "dev");
  EXPECT_EQ(config->node, "two");
}

struct Wrong {
  const char* name;
  const char* yaml;
  const char* says;
};
class WrongConfig : public testing::TestWithParam<Wrong> {};

TEST_P(WrongConfig, IsRefusedWithFileLineKeyAndWhatIsAllowed) {
  const auto config = parse_config(GetParam().yaml, "idtrail.yaml", {});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Errc::kInvalid);
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, WrongConfig,
    testing::Values(
        Wrong{"unknown_key", "node: a\nnodee: b\n",
              "idtrail.yaml:2: unknown key \"nodee\"; allowed: node,"},
        Wrong{"unknown_nested_key", "baseline:\n  window: 1h\n",
              "idtrail.yaml:2: unknown key \"baseline.window\""},
        Wrong{"duration_without_unit", "baseline: {learning_window: 60}",
              "idtrail.yaml:1: baseline.learning_window must be a duration such as 500ms, 60s"},
        Wrong{"negative_duration", "cool_down: -1s", "cool_down must be"},
        Wrong{"zero_duration", "cool_down: 0s", "cool_down must be"},
        Wrong{"duration_beyond_a_year", "cool_down: 9999d", "not \"9999d\""},
        Wrong{"list_where_text_is_due", "node: [a]", "node must be the node's name"},
        Wrong{"map_where_text_is_due", "node: {a: b}", "node must be the node's name"},
        Wrong{"text_where_a_list_is_due", "credential_readers: /x",
              "must be a list of absolute paths"},
        Wrong{"text_where_a_level_is_due", "baseline: 3",
              "idtrail.yaml:1: baseline. must be a mapping"},
        Wrong{"quota_no_number", "quota: {bulk: many}", "quota.bulk must be a number of records"},
        Wrong{"ring_no_power_of_two", "ring_size: 3MiB", "a power of two from 256KiB to 256MiB"},
        Wrong{"metrics_without_port", "metrics: {listen: 127.0.0.1}", "must be an address such as"},
        Wrong{"metrics_by_name", "metrics: {listen: \"localhost:9718\"}", "not \"localhost:9718\""},
        Wrong{"metrics_beyond_ports", "metrics: {listen: \"127.0.0.1:99999\"}", "metrics.listen"},
        Wrong{"relative_path", "socket: agent.sock", "socket must be an absolute path"},
        Wrong{"key_twice", "node: a\nnode: b\n", "idtrail.yaml:2: node must be one value"},
        Wrong{"list_at_the_top", "- node", "the file must be a mapping of keys"},
        Wrong{"no_yaml", "node: [a\n", "no valid YAML"}),
    [](const auto& row) { return row.param.name; });

TEST(Config, PrintsWhatItReadsBack) {
  Config config;
  config.node = "worker: 1";
  config.watch_window = milliseconds(1500);
  config.credential_readers = {"/a b"};
  const auto again = parse_config(config_yaml(config), "printed", {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(config_yaml(*again), config_yaml(config));
  EXPECT_EQ(again->watch_window, milliseconds(1500));
}

TEST(Config, SaysWhichFileIsMissing) {
  const auto config = load_config("/nowhere/idtrail.yaml", {});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Errc::kNotFound);
  EXPECT_THAT(config.error().message, HasSubstr("/nowhere/idtrail.yaml: No such file"));
}

TEST(Config, RefusesAFileAboveOneMebibyte) {
  const TestDir dir;
  dir.write("big.yaml", std::string((1U << 20U) + 1, '#'));
  const auto config = load_config(dir / "big.yaml", {});
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("larger than 1 MiB"));
}

TEST(Durations, AreReadAndWrittenInTheLargestUnit) {
  EXPECT_EQ(parse_duration("90m"), std::chrono::minutes(90));
  EXPECT_EQ(duration_text(std::chrono::minutes(90)), "90m");
  EXPECT_EQ(duration_text(hours(48)), "2d");
  EXPECT_EQ(parse_duration("1.5s"), std::nullopt);
  EXPECT_EQ(parse_duration("18446744073709551616s"), std::nullopt);
}

}  // namespace
}  // namespace idtrail
