// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/kernel_types.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace idtrail {
namespace {

using Btf = std::unique_ptr<btf, Closer<btf__free>>;
using Hooks = KernelTypes::Hooks;

/// A kind of section whose programs are bound to a type of the kernel.
struct Way {
  const char* section;
  bpf_prog_type type;
  bpf_attach_type attach;
  const char* prefix;  // of the type's name
  std::uint32_t kind;
};
constexpr std::array<Way, 5> kWays{{
    {"fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "", BTF_KIND_FUNC},
    {"fexit", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, "", BTF_KIND_FUNC},
    {"tp_btf", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_", BTF_KIND_TYPEDEF},
    {"lsm", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_", BTF_KIND_FUNC},
    {"iter", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_", BTF_KIND_FUNC},
}};

const Hooks* g_hooks = nullptr;  // of the KernelTypes that lives

const Way* way_of(std::string_view section) {
  for (const Way& way : kWays) {
    const std::string_view word(way.section);
    if (section.starts_with(word) && section.substr(word.size()).starts_with('/')) return &way;
  }
  return nullptr;
}

/// libbpf calls it for each program of such a section that it is about to load.
int prepare(bpf_program* program, bpf_prog_load_opts* options, long way) {
  if (g_hooks == nullptr) return -ENOENT;
  const auto found = g_hooks->find(std::string_view(bpf_program__section_name(program)));
  if (found == g_hooks->end()) return -ENOENT;
  options->attach_btf_id = found->second;
  return bpf_program__set_type(program, kWays[static_cast<std::size_t>(way)].type);
}

/// Until it is loaded a program counts as one of a type that needs no kernel types, else libbpf
/// would read them all, for each object again.
void register_handlers() {
  static const bool done = [] {
    for (std::size_t i = 0; i < kWays.size(); ++i) {
      LIBBPF_OPTS(libbpf_prog_handler_opts, options, .cookie = static_cast<long>(i),
                  .prog_prepare_load_fn = prepare);
      const std::string section = std::string(kWays[i].section) + "+";
      libbpf_register_prog_handler(section.c_str(), BPF_PROG_TYPE_RAW_TRACEPOINT, kWays[i].attach,
                                   &options);
    }
    return true;
  }();
  (void)done;
}

/// Without the flavour: `inode___before_v6_6` is the kernel's `inode`.
std::string_view essential(std::string_view name) { return name.substr(0, name.find("___")); }

/// What to look for, and where it goes: the sections that hook there, none for a type to copy.
using Wanted = std::unordered_map<std::string, std::vector<std::string>>;

void want(const bpf_object& object, Wanted& types, Wanted& places) {
  const btf* own = bpf_object__btf(&object);
  for (std::uint32_t id = 1; own != nullptr && id < btf__type_cnt(own); ++id) {
    const btf_type* type = btf__type_by_id(own, id);
    const std::string_view name = essential(btf__name_by_offset(own, type->name_off));
    if (!name.empty() && !btf_is_func(type) && !btf_is_var(type)) types[std::string(name)];
  }
  const bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(&object, const_cast<bpf_program*>(program)))) {
    const std::string section = bpf_program__section_name(program);
    const Way* way = way_of(section);
    if (way == nullptr) continue;
    places[way->prefix + section.substr(section.find('/') + 1)].push_back(section);
  }
}

/// Copies types with everything that lies in them by value. What they point to is left out: each
/// step over a pointer is a relocation of its own, on a type that is asked for by its name.
class Copy {
 public:
  explicit Copy(const btf& from) : from_(from), to_(btf__new_empty()) {}

  std::uint32_t add(std::uint32_t id) {
    if (id == 0) return 0;
    if (const auto known = ids_.find(id); known != ids_.end()) return known->second;
    const btf_type* type = btf__type_by_id(&from_, id);
    if (btf_is_ptr(type)) return ids_[id] = numbered(btf__add_ptr(to_.get(), 0));
    std::vector<std::uint32_t> inner = parts(type);
    for (std::uint32_t& part : inner) part = add(part);
    const std::uint32_t made = numbered(btf__add_type(to_.get(), &from_, type));
    point_to(made, inner);
    return ids_[id] = made;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const {
    std::uint32_t size = 0;
    const void* at = btf__raw_data(to_.get(), &size);
    return {static_cast<const std::byte*>(at), at == nullptr ? 0 : size};
  }

 private:
  static std::uint32_t numbered(int id) { return id > 0 ? static_cast<std::uint32_t>(id) : 0; }

  static std::vector<std::uint32_t> parts(const btf_type* type) {
    std::vector<std::uint32_t> found;
    if (btf_is_composite(type)) {
      for (int i = 0; i < btf_vlen(type); ++i) found.push_back(btf_members(type)[i].type);
    } else if (btf_is_array(type)) {
      found = {btf_array(type)->type, btf_array(type)->index_type};
    } else if (btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type)) {
      found = {type->type};
    }
    return found;
  }

  void point_to(std::uint32_t id, const std::vector<std::uint32_t>& inner) {
    auto* type = const_cast<btf_type*>(btf__type_by_id(to_.get(), id));
    if (type == nullptr || inner.empty()) return;
    if (btf_is_composite(type)) {
      for (std::size_t i = 0; i < inner.size(); ++i) btf_members(type)[i].type = inner[i];
    } else if (btf_is_array(type)) {
      btf_array(type)->type = inner[0];
      btf_array(type)->index_type = inner[1];
    } else {
      type->type = inner[0];
    }
  }

  const btf& from_;
  Btf to_;
  std::unordered_map<std::uint32_t, std::uint32_t> ids_;
};

Result<Fd> write_file(std::span<const std::byte> bytes) {
  Fd file(memfd_create("kernel-types", MFD_CLOEXEC));
  if (file && write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size())) {
    return file;
  }
  return Error{Errc::kInternal, fmt::format("keep the kernel's types: {}", std::strerror(errno))};
}

}  // namespace

Result<KernelTypes> KernelTypes::read(std::span<const BpfObject> objects) {
  Wanted types;
  Wanted places;
  for (const BpfObject& object : objects) want(*object, types, places);
  const Btf kernel(btf__load_vmlinux_btf());
  if (!kernel) {
    return Error{Errc::kUnsupported,
                 fmt::format("read the kernel's types: {}", std::strerror(errno))};
  }
  Hooks hooks;
  Copy copy(*kernel);
  std::string name;  // keeps its memory over a hundred thousand look-ups
  for (std::uint32_t id = 1; id < btf__type_cnt(kernel.get()); ++id) {
    const btf_type* type = btf__type_by_id(kernel.get(), id);
    if (type->name_off == 0) continue;
    name = btf__name_by_offset(kernel.get(), type->name_off);
    if (btf_is_func(type) || btf_is_typedef(type)) {
      if (const auto found = places.find(name); found != places.end()) {
        for (const auto& section : found->second) {
          if (btf_kind(type) == way_of(section)->kind) hooks.try_emplace(section, id);
        }
      }
    }
    if (!btf_is_func(type) && types.contains(name)) copy.add(id);
  }
  auto file = write_file(copy.bytes());
  if (!file) return file.error();
  KernelTypes result;
  result.file_ = std::move(*file);
  result.path_ = fmt::format("/proc/self/fd/{}", result.file_.get());
  result.hooks_ = std::make_unique<const Hooks>(std::move(hooks));
  g_hooks = result.hooks_.get();
  register_handlers();
  return result;
}

KernelTypes::~KernelTypes() {
  if (hooks_ && g_hooks == hooks_.get()) g_hooks = nullptr;
}
KernelTypes::KernelTypes(KernelTypes&& other) noexcept = default;
KernelTypes& KernelTypes::operator=(KernelTypes&& other) noexcept = default;

bool KernelTypes::has_hook(std::string_view section) const {
  return way_of(section) == nullptr || hooks_->contains(section);
}

}  // namespace idtrail
