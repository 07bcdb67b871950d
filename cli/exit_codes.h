// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace idtrail {

/// Stable: scripts depend on them.
enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,
  kExitUsage = 2,
  kExitUnsupportedNode = 3,
  kExitDegraded = 4,
  kExitFindings = 5,  // with --fail-on
};

}  // namespace idtrail
