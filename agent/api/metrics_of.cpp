// SPDX-License-Identifier: Apache-2.0
#include "agent/api/metrics_of.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace idtrail {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

MetricFamily family(const char* name, const char* help, MetricType type) {
  MetricFamily made;
  made.name = name;
  made.help = help;
  made.type = type;
  return made;
}

void add(MetricFamily& to, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (to.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
  to.metric.push_back(std::move(metric));
}

template <typename Row>
std::array<std::pair<const char*, std::uint64_t>, 6> outcomes(const Row& row) {
  return {{{"delivered", row.delivered()},
           {"known", row.known()},
           {"limited", row.limited()},
           {"dropped", row.dropped()},
           {"received", row.received()},
           {"discarded", row.discarded()}}};
}

MetricFamily events(const v1::CoverageReply& reply) {
  MetricFamily made =
      family("idtrail_events_total", "Events of the whole node, by what became of them",
             MetricType::Counter);
  for (const auto& row : reply.coverage().classes()) {
    const std::pair<const char*, std::uint32_t> outcomes[] = {{"received", row.received()},
                                                              {"limited", row.limited()},
                                                              {"dropped", row.dropped()},
                                                              {"discarded", row.discarded()},
                                                              {"unresolved", row.unresolved()}};
    for (const auto& [outcome, count] : outcomes) {
      add(made, {{"class", row.event_class()}, {"outcome", outcome}}, count);
    }
  }
  return made;
}

/// By identity, not by container: what is gone and what runs are one row.
MetricFamily ledger(const v1::CoverageReply& reply) {
  MetricFamily made =
      family("idtrail_ledger_events_total",
             "The ledger: events of an identity, by what became of them", MetricType::Counter);
  std::map<std::string, v1::IdentityRef> identities;
  std::map<std::array<std::string, 3>, std::uint64_t> sums;  // identity, class, outcome
  for (const auto& book : reply.ledger()) {
    const bool room =
        identities.size() < kMetricIdentitiesMax || identities.contains(book.identity().id());
    v1::IdentityRef ref = book.identity();
    if (!room) {
      ref.Clear();
      ref.set_owner_name("others");
    }
    identities.emplace(ref.id(), ref);
    for (const auto& row : book.classes()) {
      for (const auto& [outcome, count] : outcomes(row)) {
        sums[{ref.id(), row.event_class(), outcome}] += count;
      }
    }
  }
  for (const auto& [key, count] : sums) {
    if (count == 0) continue;
    const v1::IdentityRef& ref = identities[key[0]];
    add(made,
        {{"kind", ref.kind()},
         {"namespace", ref.namespace_()},
         {"owner", ref.owner_name()},
         {"container", ref.container()},
         {"service_account", ref.service_account()},
         {"class", key[1]},
         {"outcome", key[2]}},
        static_cast<double>(count));
  }
  return made;
}

MetricFamily probes(const v1::CoverageReply& reply) {
  MetricFamily made =
      family("idtrail_probe_attached", "1 where the probe is attached", MetricType::Gauge);
  for (const auto& probe : reply.probes()) {
    add(made, {{"probe", probe.name()}, {"hook", probe.hook()}}, probe.hook().empty() ? 0 : 1);
  }
  return made;
}

void add_gaps(const v1::CoverageReply& reply, std::vector<MetricFamily>& out) {
  MetricFamily times =
      family("idtrail_gaps_total", "Times that were not covered, by cause", MetricType::Counter);
  MetricFamily seconds =
      family("idtrail_gap_seconds_total", "How long they were, by cause", MetricType::Counter);
  std::map<std::string, std::pair<double, double>> sums;
  for (const auto& gap : reply.gaps()) {
    sums[gap.cause()].first += static_cast<double>(gap.count());
    sums[gap.cause()].second += static_cast<double>(gap.total_ms()) / 1000;
  }
  for (const auto& [cause, sum] : sums) {
    add(times, {{"cause", cause}}, sum.first);
    add(seconds, {{"cause", cause}}, sum.second);
  }
  out.push_back(std::move(times));
  out.push_back(std::move(seconds));
}

/// The agent's counters that have a family of their own; the others are rows of one.
void add_counters(const v1::CoverageReply& reply, std::vector<MetricFamily>& out) {
  MetricFamily tests =
      family("idtrail_self_tests_total", "Self-tests, by result", MetricType::Counter);
  MetricFamily ring = family("idtrail_ring_used_bytes", "What waits in a ring", MetricType::Gauge);
  MetricFamily cache =
      family("idtrail_cache_verdicts", "Verdicts in the kernel's cache", MetricType::Gauge);
  MetricFamily others =
      family("idtrail_agent_count", "The agent's other counters, by name", MetricType::Gauge);
  const std::map<std::string, std::uint64_t> sorted(reply.counters().begin(),
                                                    reply.counters().end());
  for (const auto& [name, count] : sorted) {
    const auto value = static_cast<double>(count);
    if (name == "self_tests_passed") {
      add(tests, {{"result", "passed"}}, value);
    } else if (name == "self_tests_failed") {
      add(tests, {{"result", "failed"}}, value);
    } else if (name == "ring_urgent_bytes") {
      add(ring, {{"ring", "urgent"}}, value);
    } else if (name == "ring_bulk_bytes") {
      add(ring, {{"ring", "bulk"}}, value);
    } else if (name == "verdicts") {
      add(cache, {}, value);
    } else {
      add(others, {{"name", name}}, value);
    }
  }
  for (MetricFamily* one : {&tests, &ring, &cache, &others}) out.push_back(std::move(*one));
}

}  // namespace

std::vector<MetricFamily> metrics_of(const v1::CoverageReply& reply) {
  std::vector<MetricFamily> out;
  out.push_back(events(reply));
  out.push_back(ledger(reply));
  out.push_back(probes(reply));
  add_gaps(reply, out);
  add_counters(reply, out);
  return out;
}

}  // namespace idtrail
