// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <functional>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/api/metrics.h"
#include "agent/api/metrics_of.h"

namespace idtrail {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void add_book(v1::CoverageReply& reply, const std::string& owner, std::uint64_t known,
              const std::string& pod = "") {
  v1::LedgerView& book = *reply.add_ledger();
  book.mutable_identity()->set_id("id-" + owner);
  book.mutable_identity()->set_kind("pod");
  book.mutable_identity()->set_namespace_("shop");
  book.mutable_identity()->set_owner_name(owner);
  book.mutable_identity()->set_container("app");
  book.mutable_identity()->set_service_account(owner + "-sa");
  book.mutable_instance()->set_pod(pod);
  v1::LedgerClass& row = *book.add_classes();
  row.set_event_class("connect");
  row.set_delivered(3);
  row.set_known(known);
}

v1::CoverageReply coverage() {
  v1::CoverageReply reply;
  reply.add_probes()->set_name("exec");
  reply.mutable_probes(0)->set_hook("tp_btf/sched_process_exec");
  reply.add_probes()->set_name("fork");
  v1::ClassCoverage& exec = *reply.mutable_coverage()->add_classes();
  exec.set_event_class("exec");
  exec.set_received(7);
  exec.set_dropped(2);
  v1::GapView& gap = *reply.add_gaps();
  gap.set_cause("quota-spent");
  gap.set_count(4);
  gap.set_total_ms(2500);
  auto& counters = *reply.mutable_counters();
  counters["self_tests_passed"] = 6;
  counters["ring_urgent_bytes"] = 4096;
  counters["verdicts"] = 12;
  counters["discarded_kind"] = 1;
  return reply;
}

std::string text_of(const v1::CoverageReply& reply) {
  return prometheus::TextSerializer().Serialize(metrics_of(reply));
}

TEST(Metrics, TellWhatTheCoverageSays) {
  v1::CoverageReply reply = coverage();
  add_book(reply, "cart", 5, "cart-1");
  const std::string text = text_of(reply);
  for (const char* line :
       {"# TYPE idtrail_events_total counter\n",
        "idtrail_events_total{class=\"exec\",outcome=\"received\"} 7\n",
        "idtrail_events_total{class=\"exec\",outcome=\"dropped\"} 2\n",
        "idtrail_ledger_events_total{kind=\"pod\",namespace=\"shop\",owner=\"cart\",container="
        "\"app\",service_account=\"cart-sa\",class=\"connect\",outcome=\"known\"} 5\n",
        "idtrail_probe_attached{probe=\"exec\",hook=\"tp_btf/sched_process_exec\"} 1\n",
        "idtrail_probe_attached{probe=\"fork\",hook=\"\"} 0\n",
        "idtrail_gaps_total{cause=\"quota-spent\"} 4\n",
        "idtrail_gap_seconds_total{cause=\"quota-spent\"} 2.5\n",
        "idtrail_self_tests_total{result=\"passed\"} 6\n",
        "idtrail_ring_used_bytes{ring=\"urgent\"} 4096\n", "idtrail_cache_verdicts 12\n",
        "idtrail_agent_count{name=\"discarded_kind\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Metrics, SumUpTheContainersOfAnIdentity) {
  v1::CoverageReply reply;
  add_book(reply, "cart", 5, "cart-1");
  add_book(reply, "cart", 6, "cart-2");
  EXPECT_THAT(text_of(reply), HasSubstr("outcome=\"known\"} 11\n"));
}

TEST(Metrics, AreBoundedInIdentities) {
  v1::CoverageReply reply;
  for (int i = 0; i < 500; ++i) add_book(reply, fmt::format("app-{}", i), 1);
  const std::string text = text_of(reply);
  EXPECT_THAT(text, HasSubstr("owner=\"app-99\""));
  EXPECT_THAT(text, Not(HasSubstr("owner=\"app-100\"")));
  EXPECT_THAT(text, HasSubstr("owner=\"others\",container=\"\",service_account=\"\",class=\"connect"
                              "\",outcome=\"known\"} 400\n"));
}

TEST(Metrics, EscapeWhatAWorkloadMayChoose) {
  v1::CoverageReply reply;
  add_book(reply, "a\"b\nc", 1);
  EXPECT_THAT(text_of(reply), HasSubstr("owner=\"a\\\"b\\nc\""));
}

// ---- Over HTTP ----

std::string get(const MetricsPage& page, const char* path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(page.port()));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string said;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
    const std::string request = fmt::format("GET {} HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    (void)!write(fd, request.data(), request.size());
    std::array<char, 4096> some{};
    for (ssize_t size = 0; (size = read(fd, some.data(), some.size())) > 0;) {
      said.append(some.data(), static_cast<std::size_t>(size));
    }
  }
  close(fd);
  return said;
}

LocalAnswers answers(bool busy = false) {
  LocalAnswers answers;
  answers.coverage = [](const v1::CoverageRequest&) { return coverage(); };
  answers.post = [busy](std::function<void()> job) {
    if (busy) return false;
    std::thread(std::move(job)).join();
    return true;
  };
  return answers;
}

// A port of its own for each: these tests run beside each other, and beside other people's.
constexpr const char* kAddress = "127.0.0.1:0";

TEST(MetricsPage, IsServed) {
  const auto page = MetricsPage::open(kAddress, answers());
  ASSERT_TRUE(page) << page.error().message;
  const std::string said = get(**page, "/metrics");
  EXPECT_THAT(said, HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_THAT(said, HasSubstr("idtrail_probe_attached{probe=\"exec\""));
  EXPECT_THAT(said, HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(get(**page, "/other"), Not(HasSubstr("idtrail_")));
}

TEST(MetricsPage, GoesOnWithoutTheAgentWhereThatIsBusy) {
  const auto page = MetricsPage::open(kAddress, answers(true));
  ASSERT_TRUE(page) << page.error().message;
  const std::string said = get(**page, "/metrics");
  EXPECT_THAT(said, HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(said, Not(HasSubstr("idtrail_probe_attached")));
}

TEST(MetricsPage, SaysWhereItCannotListen) {
  const auto page = MetricsPage::open("192.0.2.1:9718", answers());  // nobody's address
  ASSERT_FALSE(page);
  EXPECT_THAT(page.error().message, HasSubstr("serve metrics at 192.0.2.1:9718"));
}

}  // namespace
}  // namespace idtrail
