// SPDX-License-Identifier: Apache-2.0
// Linked with the programs as the next compiler makes them: see CMakeLists.txt.
#include "agent/kernel/sensor.h"
#include "tests/bpf/verifier_budget.h"

namespace idtrail::test {
namespace {

TEST(NextCompiler, EveryProbeLoadsWithinTheVerifiersBudget) {
  const auto sensor = Sensor::open({.syscalls = true});
  ASSERT_TRUE(sensor) << sensor.error().message;
  expect_within_budget(sensor->probes());
}

}  // namespace
}  // namespace idtrail::test
