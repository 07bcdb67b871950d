// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <unordered_map>

#include <fmt/format.h>
#include <netinet/in.h>

#include "core/detect/credential_reader.h"
#include "core/detect/describe.h"
#include "core/detect/detector.h"
#include "core/model/destination.h"

namespace idtrail {
namespace {

constexpr std::size_t kWindowsMax = 1024;
constexpr std::uint16_t kDnsPort = 53;

/// A suspicious read and what its process tree may do next. The tree, not the process: a token
/// goes from cat to curl through the shell that started both.
struct Window {
  BootTime opened{};
  bool fired = false;
  std::string pod_uid;
  std::string read;  // as a sentence's part
  v1::Evidence evidence;
};

const ProcessKey& tree_of(const Who& who) {
  return who.tree == ProcessKey{} ? who.process : who.tree;
}

std::string_view pod_uid_of(const Who& who) {
  return who.instance != nullptr ? std::string_view(who.instance->pod_uid) : std::string_view();
}

/// Asking the resolver for a name leads to the connect that matters. A name server out on the
/// Internet that the identity never used is no resolver but a way out.
bool asks_resolver(const Connect& connect, const Novelty& novelty) {
  if (connect.protocol != IPPROTO_UDP || connect.destination_port != kDnsPort) return false;
  return novelty.known || destination_of(connect).reach != Reach::kPublic;
}

class CredentialThenConnect final : public Detector {
 public:
  explicit CredentialThenConnect(const DetectorSettings& settings) : settings_(settings) {}

  void inspect(const Observation& seen, Findings& findings) override {
    if (const auto* connect = std::get_if<Connect>(&seen.event.body)) {
      if (!windows_.empty()) on_connect(seen, *connect, findings);
      return;
    }
    const ReadSuspicion suspicion = judge_read(seen, settings_);
    if (suspicion != ReadSuspicion::kNone) on_read(seen, suspicion);
  }

  [[nodiscard]] std::uint64_t forgotten() const override { return forgotten_; }

 private:
  void on_read(const Observation& seen, ReadSuspicion suspicion) {
    close_expired(seen.event.at);
    const ProcessKey& tree = tree_of(seen.who);
    if (windows_.contains(tree)) return;  // one finding for each tree that reads
    if (windows_.size() >= kWindowsMax) {
      forgotten_ += windows_[order_.front()].fired ? 0 : 1;
      close_oldest();
    }
    windows_.emplace(tree, Window{.opened = seen.event.at,
                                  .pod_uid = std::string(pod_uid_of(seen.who)),
                                  .read = read_phrase(seen, suspicion),
                                  .evidence = evidence_of(seen, settings_.clock)});
    order_.push_back(tree);
  }

  void on_connect(const Observation& seen, const Connect& connect, Findings& findings) {
    close_expired(seen.event.at);
    const Who& who = seen.who;
    if (who.identity == nullptr || who.subject == nullptr || who.unresolved) return;
    const auto found = windows_.find(tree_of(who));
    if (found == windows_.end() || found->second.fired) return;
    Window& window = found->second;
    if (window.pod_uid != pod_uid_of(who) || asks_resolver(connect, seen.novelty)) return;
    window.fired = true;
    const std::string to = display_name(destination_of(connect));
    const auto after =
        std::chrono::duration_cast<std::chrono::milliseconds>(seen.event.at - window.opened);
    findings.raise(
        seen, {.rule = "credential-then-connect",
               .severity = Severity::kCritical,
               .confidence = Confidence::kHigh,
               .title = fmt::format("Credential read, then a connection to {}: {}", to,
                                    display_name(*who.identity)),
               .why = fmt::format("{}, and {} ms later {} of the same process tree went to {} ({})",
                                  window.read, after.count(), program_name(*who.subject), to,
                                  connect_result(connect)),
               .earlier = {window.evidence}});
  }

  void close_expired(BootTime at) {
    while (!order_.empty() && at - windows_[order_.front()].opened > settings_.watch_window) {
      close_oldest();
    }
  }

  void close_oldest() {
    windows_.erase(order_.front());
    order_.pop_front();
  }

  DetectorSettings settings_;
  std::unordered_map<ProcessKey, Window> windows_;
  std::deque<ProcessKey> order_;  // by opening time
  std::uint64_t forgotten_ = 0;
};

}  // namespace

std::unique_ptr<Detector> make_credential_then_connect(const DetectorSettings& settings) {
  return std::make_unique<CredentialThenConnect>(settings);
}

}  // namespace idtrail
