// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "agent/api/local_api.h"
#include "core/common/result.h"

namespace idtrail {

/// The metrics page, for Prometheus: ledger, rings, cache, probes, gaps and the process itself, at
/// http://ADDRESS/metrics. Whoever may connect to the address reads the names of this node's
/// identities and how much they do, and nothing else. Scraped as often as anybody likes: the
/// answers are made where `answers.post` runs them, and a page that is not made in two seconds is
/// empty.
class MetricsPage {
 public:
  /// `address` is IPV4:PORT or [IPV6]:PORT; port 0 takes one that is free.
  static Result<std::unique_ptr<MetricsPage>> open(const std::string& address,
                                                   LocalAnswers answers);
  virtual ~MetricsPage() = default;
  /// The port that it listens at.
  [[nodiscard]] virtual int port() const = 0;

 protected:
  MetricsPage() = default;
};

}  // namespace idtrail
