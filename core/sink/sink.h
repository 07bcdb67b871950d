// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/common/result.h"

namespace idtrail {

struct SinkSettings {
  std::string target;  // a file's path; empty where the sink needs none
};

/// Where findings go. One thread.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Delivers one finding, as its JSON line without the line feed. An error is counted by the
  /// caller; the sink stays usable and tries again with the next.
  virtual Result<void> deliver(std::string_view json_line) = 0;
};

struct SinkSpec {
  std::string_view identifier;
  std::string_view summary;
  Result<std::unique_ptr<Sink>> (*make)(const SinkSettings& settings);
};

/// Every sink, in the order of sinks.def.
std::span<const SinkSpec> sink_specs();

}  // namespace idtrail
