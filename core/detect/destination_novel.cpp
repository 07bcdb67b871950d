// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <fmt/format.h>

#include "core/detect/describe.h"
#include "core/detect/detector.h"
#include "core/model/destination.h"

namespace idtrail {
namespace {

/// The connection stands or is on its way, to somewhere that is not the own network. Most programs
/// use non-blocking sockets, so "in progress" is as much as the kernel will say of them.
bool leaves(const Connect& connect, Reach reach) {
  const bool away = reach == Reach::kPublic || reach == Reach::kLinkLocal;
  return away && (connect.result == 0 || connect.result == -EINPROGRESS);
}

class DestinationNovel final : public Detector {
 public:
  void inspect(const Observation& seen, Findings& findings) override {
    const auto* connect = std::get_if<Connect>(&seen.event.body);
    const Novelty& novelty = seen.novelty;
    const bool novel = connect != nullptr && novelty.family == Family::kDestination &&
                       !novelty.known && novelty.state == BaselineState::kReady;
    if (!novel || seen.who.identity == nullptr || seen.who.subject == nullptr) return;

    const Destination to = destination_of(*connect);
    const bool session = in_session(seen);
    findings.raise(
        seen,
        {.rule = "destination-novel",
         .severity = session || leaves(*connect, to.reach) ? Severity::kHigh : Severity::kMedium,
         .confidence = session ? Confidence::kHigh : Confidence::kMedium,
         .title = fmt::format("New destination {}: {}", display_name(to),
                              display_name(*seen.who.identity)),
         .why = fmt::format("{}{} connected to {} ({}, {}), where {} has never gone",
                            display_name(*seen.who.subject), session ? " in an exec session" : "",
                            display_name(to), reach_name(to.reach), connect_result(*connect),
                            place_text(seen.who))});
  }
};

}  // namespace

std::unique_ptr<Detector> make_destination_novel(const DetectorSettings& /*settings*/) {
  return std::make_unique<DestinationNovel>();
}

}  // namespace idtrail
