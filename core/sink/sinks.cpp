// SPDX-License-Identifier: Apache-2.0
#include "core/sink/sink.h"

namespace idtrail {

#define SINK(identifier, summary) \
  Result<std::unique_ptr<Sink>> make_##identifier##_sink(const SinkSettings& settings);
#include "core/sink/sinks.def"
#undef SINK

namespace {

constexpr SinkSpec kSinks[] = {
#define SINK(identifier, summary) {#identifier, summary, make_##identifier##_sink},
#include "core/sink/sinks.def"
#undef SINK
};

}  // namespace

std::span<const SinkSpec> sink_specs() { return kSinks; }

}  // namespace idtrail
