// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include <prometheus/metric_family.h>

#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// Identities with rows of their own; the others are summed up as owner="others".
inline constexpr std::size_t kMetricIdentitiesMax = 100;

/// What the coverage says, as families of metrics.
std::vector<prometheus::MetricFamily> metrics_of(const v1::CoverageReply& reply);

}  // namespace idtrail
