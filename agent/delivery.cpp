// SPDX-License-Identifier: Apache-2.0
#include "agent/delivery.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/detect/finding.h"

namespace idtrail {
namespace {

Result<std::unique_ptr<Sink>> make_sink(std::string_view identifier, const std::string& target) {
  for (const auto& spec : sink_specs()) {
    if (spec.identifier == identifier) return spec.make({.target = target});
  }
  return Error{Errc::kInternal, fmt::format("there is no sink called {}", identifier)};
}

bool fits(const v1::Finding& finding, const v1::FindingsRequest& wanted) {
  const auto any_or = [](const std::string& want, const std::string& is) {
    return want.empty() || want == is;
  };
  return any_or(wanted.namespace_(), finding.identity().namespace_()) &&
         any_or(wanted.pod(), finding.instance().pod()) && any_or(wanted.rule(), finding.rule()) &&
         finding.id().starts_with(wanted.id_prefix());
}

}  // namespace

Result<std::unique_ptr<Delivery>> Delivery::open(const Config& config, OnDelivered on_delivered) {
  Sinks sinks;
  auto out = make_sink("stdout", "");
  if (!out) return out.error();
  sinks.push_back(std::move(*out));
  if (!config.findings.empty()) {
    auto file = make_sink("file", config.findings.string());
    if (!file) return file.error();
    sinks.push_back(std::move(*file));
  }
  return std::unique_ptr<Delivery>(
      new Delivery(std::move(sinks), config.findings_kept, std::move(on_delivered)));
}

Delivery::Delivery(Sinks sinks, std::size_t kept_max, OnDelivered on_delivered)
    : sinks_(std::move(sinks)),
      kept_max_(kept_max),
      on_delivered_(std::move(on_delivered)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Delivery::~Delivery() = default;

void Delivery::submit(std::vector<v1::Finding> findings) {
  for (auto& finding : findings) {
    ++raised_;
    if (!lines_.push(to_json_line(finding))) count_delivered();  // refused, and counted
    if (kept_max_ == 0) continue;
    if (kept_.size() == kept_max_) kept_.pop_front();
    kept_.push_back(std::move(finding));
  }
}

v1::FindingsReply Delivery::select(const v1::FindingsRequest& request) const {
  std::vector<const v1::Finding*> chosen;
  for (const auto& finding : kept_) {
    if (fits(finding, request)) chosen.push_back(&finding);
  }
  const std::size_t limit = request.limit() == 0 ? chosen.size() : request.limit();
  v1::FindingsReply reply;
  reply.set_forgotten(raised_ - kept_.size());
  for (std::size_t at = chosen.size() - std::min(limit, chosen.size()); at < chosen.size(); ++at) {
    *reply.add_findings() = *chosen[at];
  }
  return reply;
}

void Delivery::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (const auto line = lines_.pop(stop, std::chrono::hours(1))) deliver(*line);
  }
  while (const auto line = lines_.try_pop()) deliver(*line);
}

void Delivery::deliver(const std::string& line) {
  for (const auto& sink : sinks_) {
    const auto done = sink->deliver(line);
    if (done) continue;
    // Said once; after that the counter speaks.
    if (failed_.fetch_add(1) == 0)
      spdlog::error("finding not delivered error=\"{}\"", done.error().message);
  }
  count_delivered();
}

void Delivery::count_delivered() { on_delivered_(delivered_.fetch_add(1) + 1); }

}  // namespace idtrail
