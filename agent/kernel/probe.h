// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kernel/attachment.h"
#include "agent/kernel/handles.h"
#include "agent/kernel/shared_maps.h"
#include "core/common/result.h"

namespace idtrail {

struct ProbeSpec {
  std::string_view name;
  std::uint16_t kind;
  const void* (*elf)(std::size_t* size);
};

/// Every probe of probes.def, in its order.
std::span<const ProbeSpec> probe_specs();

/// A probe whose programs are loaded and attached; going out of scope detaches them.
///
/// A program is called <what>_<way>; the programs of one way stand together, and the ways are
/// twins: the first that the kernel takes as a whole is used, in the order of the source file.
class Probe {
 public:
  /// `avoid` are ways not to try, as "probe/way". The error tells why each way was refused.
  static Result<Probe> load(const ProbeSpec& spec, const SharedMaps& maps,
                            std::span<const std::string> avoid);

  /// Where it is attached: "fentry/x", or "fexit/x + fexit/y" for more than one program.
  [[nodiscard]] const std::string& hook() const { return hook_; }
  /// Instructions that the verifier walked for the largest program.
  [[nodiscard]] std::uint32_t verified_insns() const { return verified_insns_; }
  /// Runs its program of type iter, where it has one, over each entry of its map `openers`. False
  /// where the kernel refused it.
  [[nodiscard]] bool walk() const;
  /// Runs that the kernel skipped because the program was already at work on that CPU.
  [[nodiscard]] std::uint64_t missed_runs() const;
  /// True while every program hangs where it was attached.
  [[nodiscard]] bool stands() const;

 private:
  Probe() = default;
  static Result<Probe> load_way(const ProbeSpec& spec, const std::string& way,
                                const SharedMaps& maps, bool without_modules);

  std::string hook_;
  std::uint32_t verified_insns_ = 0;
  std::vector<int> program_fds_;
  int walk_fd_ = -1;  // of one of links_
  std::vector<Attachment> attachments_;
  BpfObject object_;
  std::vector<BpfLink> links_;  // after object_: links go before the object they point into
};

}  // namespace idtrail
