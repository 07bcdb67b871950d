// SPDX-License-Identifier: Apache-2.0
#include "agent/api/metrics.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <future>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <prometheus/exposer.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/api/metrics_of.h"

namespace idtrail {
namespace {

using prometheus::MetricFamily;

constexpr std::chrono::seconds kAnswerTime{2};
constexpr std::size_t kThreads = 1;

MetricFamily process_metric(const char* name, const char* help, prometheus::MetricType type,
                            double value) {
  MetricFamily made;
  made.name = name;
  made.help = help;
  made.type = type;
  prometheus::ClientMetric& metric = made.metric.emplace_back();
  (type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
  return made;
}

double resident_bytes() {
  unsigned long pages = 0;
  if (FILE* statm = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(statm, "%*u %lu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Page final : public prometheus::Collectable {
 public:
  explicit Page(LocalAnswers answers)
      : answers_(std::make_shared<LocalAnswers>(std::move(answers))) {}

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> out;
    if (const auto reply = ask()) out = metrics_of(*reply);
    out.push_back(process_metric("process_resident_memory_bytes", "Resident memory of the agent",
                                 prometheus::MetricType::Gauge, resident_bytes()));
    out.push_back(process_metric("process_cpu_seconds_total", "CPU time of the agent",
                                 prometheus::MetricType::Counter, cpu_seconds()));
    return out;
  }

 private:
  /// The job owns copies of all it uses: one that was given up may still run.
  [[nodiscard]] std::optional<v1::CoverageReply> ask() const {
    auto promise = std::make_shared<std::promise<v1::CoverageReply>>();
    auto future = promise->get_future();
    const bool posted = answers_->post([answers = answers_, promise] {
      promise->set_value(answers->coverage(v1::CoverageRequest()));
    });
    if (!posted || future.wait_for(kAnswerTime) != std::future_status::ready) return std::nullopt;
    return future.get();
  }

  std::shared_ptr<LocalAnswers> answers_;
};

/// Owns both: the server holds the page only weakly.
class Served final : public MetricsPage {
 public:
  Served(std::shared_ptr<Page> page, std::unique_ptr<prometheus::Exposer> server)
      : page_(std::move(page)), server_(std::move(server)) {}

  [[nodiscard]] int port() const override { return server_->GetListeningPorts().front(); }

 private:
  std::shared_ptr<Page> page_;
  std::unique_ptr<prometheus::Exposer> server_;  // last: it stops before the page goes
};

}  // namespace

Result<std::unique_ptr<MetricsPage>> MetricsPage::open(const std::string& address,
                                                       LocalAnswers answers) {
  auto page = std::make_shared<Page>(std::move(answers));
  try {  // the library throws where it cannot listen; here and nowhere else it is caught
    auto server = std::make_unique<prometheus::Exposer>(address, kThreads);
    server->RegisterCollectable(page);
    return std::unique_ptr<MetricsPage>(
        std::make_unique<Served>(std::move(page), std::move(server)));
  } catch (const std::exception& error) {
    return Error{Errc::kUnavailable, fmt::format("serve metrics at {}: {}", address, error.what())};
  }
}

}  // namespace idtrail
