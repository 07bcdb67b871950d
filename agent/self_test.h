// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "agent/helper_process.h"
#include "core/common/result.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// A process beside the agent, whose acts are not filtered as the agent's own. Asked to, it makes a
/// file in memory, which the urgent ring must bring back, and connects a UDP socket to a closed
/// port of the loopback, which the bulk ring must. It holds no capability, needs none, sends no
/// packet, and ends with the agent.
class SelfTestHelper {
 public:
  /// Before any thread starts and before signals are blocked.
  static Result<SelfTestHelper> start();

  [[nodiscard]] std::uint32_t tgid() const { return static_cast<std::uint32_t>(process_.pid()); }
  /// False where the helper is gone or does not take the question.
  bool ask();
  /// True once for each question that it has acted upon.
  bool has_acted();

 private:
  explicit SelfTestHelper(HelperProcess process) : process_(std::move(process)) {}
  HelperProcess process_;
};

/// Every ten seconds an act of the helper must come back as records. Where it does not, the agent
/// does not see what it believes to see: a GapFact. Agent thread; time is CLOCK_BOOTTIME in
/// nanoseconds.
class SelfTest {
 public:
  static constexpr std::uint64_t kEveryNs = 10'000'000'000;
  static constexpr std::uint64_t kBoundNs = 30'000'000'000;  // a starved node is slow, not blind

  struct Acts {
    std::function<bool()> ask;
    std::function<bool()> has_acted;
  };
  /// What cannot come back, because its probe was refused, is not waited for.
  struct Expected {
    bool urgent = true;
    bool bulk = true;
  };
  using Feed = std::function<void(const v1::Fact&)>;
  SelfTest(std::uint32_t tgid, Acts acts, Expected expected, Feed feed);

  /// Every record goes by here, before anything else sees it. True if it is of the helper.
  bool on_record(std::span<const std::byte> record);
  /// At least once a second, when the rings have been read.
  void look(std::uint64_t now);

  [[nodiscard]] std::uint64_t passed() const { return passed_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  void conclude(std::uint64_t now);
  void tell(std::uint64_t now, const char* object, const char* text);

  std::uint32_t tgid_;
  Acts acts_;
  Expected expected_;
  Feed feed_;
  std::uint64_t asked_at_ = 0;  // of the test that is under way; 0: none
  std::uint64_t last_asked_ = 0;
  std::uint64_t seen_well_until_ = 0;  // when the last test that passed was asked for
  bool acted_ = false;
  bool urgent_back_ = false;
  bool bulk_back_ = false;
  std::uint64_t passed_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace idtrail
