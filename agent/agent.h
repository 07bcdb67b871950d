// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "agent/config.h"
#include "agent/guard.h"
#include "agent/kernel/sensor.h"
#include "agent/symbol_helper.h"
#include "core/common/result.h"

namespace idtrail {

/// The live world around a pipeline: the sensor's records and the sources' facts go in, look-ups,
/// findings and baseline changes come out. One thread runs it; everything slow has another.
class Agent {
 public:
  /// Takes over an attached sensor and says what ran before it. `overwrite`: a recording that
  /// exists may be replaced.
  static Result<std::unique_ptr<Agent>> start(const Config& config, Sensor sensor,
                                              Guard::Parts guard, SymbolHelper symbols,
                                              bool overwrite);
  virtual ~Agent() = default;

  /// Runs until `stop_fd` is readable, then hands everything on that is still on its way.
  virtual void run(int stop_fd) = 0;

 protected:
  Agent() = default;
};

}  // namespace idtrail
