// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <sys/mman.h>

#include "tests/bpf/act.h"

namespace idtrail::test {

/// What a child did of one kind.
struct Used {
  Acted child;
  std::vector<privilege_payload> uses;
};

/// Checks what all privilege records of `kind` that a process left have in common: header,
/// executable, parent.
inline std::vector<privilege_payload> privileges(const Records& seen, event_kind kind,
                                                 const Acted& by,
                                                 const std::string& exe = "/proc/self/exe") {
  std::vector<privilege_payload> uses;
  for (const Record& record : select(seen, kind, by.tgid)) {
    expect_header(record, kind, by);
    EXPECT_EQ(record.body.size(), sizeof(privilege_payload));
    uses.push_back(record.payload<privilege_payload>());
    expect_file(uses.back().exe, exe);
    expect_parent_is_this(uses.back().parent_tgid, uses.back().parent_start_boot_ns);
  }
  return uses;
}

inline Used privilege_in_child(event_kind kind, const std::function<int()>& act) {
  drain(shared_sensor());
  Used used{.child = in_child(act), .uses = {}};
  used.uses = privileges(drain(shared_sensor()), kind, used.child);
  return used;
}

/// Memory that a child shares with this process.
template <typename T>
class Shared {
 public:
  Shared()
      : value_(static_cast<T*>(
            mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Shared() { munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T& operator*() const { return *value_; }

 private:
  T* value_;
};

/// The fields whose meaning depends on the kind, to be compared at once.
struct Use {
  std::uint16_t op = 0;
  std::int32_t result = 0;
  std::uint32_t flags = 0;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::string name{};
  std::uint32_t uid = 0;
  std::uint32_t target_tgid = 0;
  std::uint16_t marks = 0;
  bool operator==(const Use&) const = default;
};

inline Use use_of(const privilege_payload& payload) {
  const std::string name(payload.name, sizeof(payload.name));
  EXPECT_NE(name.find('\0'), std::string::npos);
  EXPECT_EQ(name.find_first_not_of('\0', name.find('\0')), std::string::npos) << "bytes after NUL";
  return {.op = payload.op,
          .result = payload.result,
          .flags = payload.flags,
          .first = payload.args[0],
          .second = payload.args[1],
          .name = name.substr(0, name.find('\0')),
          .uid = payload.uid,
          .target_tgid = payload.target_tgid,
          .marks = payload.marks};
}

inline std::vector<Use> uses_of(const std::vector<privilege_payload>& payloads) {
  std::vector<Use> uses;
  for (const privilege_payload& payload : payloads) uses.push_back(use_of(payload));
  return uses;
}
inline std::vector<Use> uses_of(const Used& used) { return uses_of(used.uses); }

inline void PrintTo(const Use& use, std::ostream* out) {
  *out << "{op " << use.op << ", result " << use.result << ", flags 0x" << std::hex << use.flags
       << ", args 0x" << use.first << " 0x" << use.second << std::dec << ", name \"" << use.name
       << "\", uid " << use.uid << ", target " << use.target_tgid << ", marks " << use.marks << "}";
}

}  // namespace idtrail::test
