// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace idtrail {

/// What may be expected of LSM programs in the running kernel.
struct LsmPrograms {
  /// `bpf` is among the active security modules. Without it the kernel takes and attaches an LSM
  /// program all the same, and never runs it. False where securityfs is not mounted.
  bool run = false;
  /// They come before fentry: from 6.12 on a hook is a static call, about as cheap. And the kernel
  /// does not leave out a run of theirs because the same program was preempted on that CPU
  /// (bpf_prog_check_recur() in kernel/bpf/trampoline.c), as it does with fentry and tp_btf.
  bool first = false;
};

LsmPrograms lsm_programs();

}  // namespace idtrail
