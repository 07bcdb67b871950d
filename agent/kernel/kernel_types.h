// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/kernel/handles.h"
#include "core/common/result.h"

struct btf;

namespace idtrail {

/// What the programs need to know of the running kernel's types, read once for all of them: libbpf
/// by itself parses and searches all 100 000 and more types of the kernel for each object. It gets
/// a file with the few types that our programs name, and the ids of the places they hook.
///
/// libbpf's section handlers are global, so one lives at a time; loading is done by one thread.
class KernelTypes {
 public:
  using Hooks = std::map<std::string, std::uint32_t, std::less<>>;  // section -> id of its type

  /// `objects` are opened and not loaded yet: what they name is what can be found later.
  static Result<KernelTypes> read(std::span<const BpfObject> objects);
  ~KernelTypes();
  KernelTypes(KernelTypes&& other) noexcept;
  KernelTypes& operator=(KernelTypes&& other) noexcept;

  /// For bpf_object_open_opts::btf_custom_path.
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Whether the kernel has what a program's section names; true for sections that need no types.
  [[nodiscard]] bool has_hook(std::string_view section) const;

 private:
  KernelTypes() = default;

  Fd file_;
  std::string path_;
  std::unique_ptr<const Hooks> hooks_;
};

}  // namespace idtrail
