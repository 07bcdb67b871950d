// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kernel/attachment.h"
#include "agent/kernel/handles.h"
#include "agent/kernel/kernel_types.h"
#include "agent/kernel/lsm.h"
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
/// When all is loaded: the objects, which lie in our own file, need not stay resident. They can be
/// read again.
void let_objects_go();
/// The probe's object, not loaded; with the types of KernelTypes where `types` is their path.
Result<BpfObject> open_object(const ProbeSpec& spec, const char* types);

/// A probe whose programs are loaded and attached; going out of scope detaches them. What libbpf
/// keeps of the object is given back: the kernel has it.
///
/// A program is called <what>_<way>; the programs of one way stand together, and the ways are
/// twins: the first that the kernel takes as a whole is used, in the order of the source file, but
/// for LSM programs, see lsm.h.
class Probe {
 public:
  /// What every probe's loading needs.
  struct Setting {
    const SharedMaps& maps;
    const KernelTypes& types;
    std::span<const std::string> avoid;  // ways not to try, as "probe/way"
    LsmPrograms lsm = lsm_programs();
  };
  /// The error tells why each way was refused.
  static Result<Probe> load(const ProbeSpec& spec, const Setting& setting);
  /// One that keep() kept; nothing where there is none.
  static std::optional<Probe> find(const std::string& folder);
  /// Gives programs and links names in a folder of the BPF file system, so that they stay when the
  /// agent ends. Either all or none: before 5.15 the kernel cannot keep a kprobe.
  Result<void> keep(const std::string& folder);
  [[nodiscard]] bool kept() const { return kept_; }

  /// Where it is attached: "fentry/x", or "fexit/x + fexit/y" for more than one program.
  [[nodiscard]] std::string hook() const;
  /// Instructions that the verifier walked for the largest program.
  [[nodiscard]] std::uint32_t verified_insns() const { return verified_insns_; }
  /// Runs its program of type iter, where it has one, over each entry of the map `flow_buckets`.
  /// False where the kernel refused it.
  [[nodiscard]] bool walk() const;
  /// True while every program hangs where it was attached.
  [[nodiscard]] bool stands() const;
  /// Runs that the kernel skipped because the program was already at work on that CPU.
  [[nodiscard]] std::uint64_t missed_runs() const;

 private:
  Probe() = default;
  static Result<Probe> load_way(BpfObject object, const std::string& way, const Setting& setting);
  void add(BpfLink link, std::string hook);

  std::vector<std::string> hooks_;  // one for each link
  std::uint32_t verified_insns_ = 0;
  bool kept_ = false;
  int walk_fd_ = -1;  // of one of links_
  std::vector<Attachment> attachments_;
  std::vector<Fd> programs_;
  std::vector<BpfLink> links_;
};

}  // namespace idtrail
