// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/subjects.h"

#include <cstring>

#include "core/common/hash.h"

namespace idtrail {
namespace {

constexpr std::size_t kSubjectsMax = 32768;
constexpr std::size_t kExecutableRows = 8192;  // a power of two
constexpr std::size_t kLineageMax = 3;

std::uint64_t key_of(const SubjectParts& parts) {
  const std::uint64_t bits =
      static_cast<std::uint64_t>(parts.origin) | static_cast<std::uint64_t>(parts.entry) << 8U |
      std::uint64_t{parts.tty} << 16U | std::uint64_t{parts.lineage_complete} << 17U |
      std::uint64_t{parts.parent != nullptr} << 18U;
  const std::uint64_t numbers[] = {
      bits, parts.exe.inode, std::uint64_t{parts.exe.device} << 32U | parts.exe.generation,
      parts.parent != nullptr ? parts.parent->hash : 0, parts.entry_hash};
  char bytes[sizeof(numbers)];
  std::memcpy(bytes, numbers, sizeof(numbers));
  return hash_fields(
      {std::string_view(bytes, sizeof(bytes)), parts.executable, parts.applet, parts.script});
}

/// The hash is not keyed: a workload may choose names that collide, so compare.
bool same(const Subject& subject, const SubjectParts& parts) {
  return subject.executable == parts.executable && subject.applet == parts.applet &&
         subject.script == parts.script && subject.origin == parts.origin &&
         subject.entry == parts.entry && subject.tty == parts.tty && subject.exe == parts.exe &&
         subject.entry_hash == parts.entry_hash;
}

SubjectPtr make(const SubjectParts& parts) {
  auto subject = std::make_shared<Subject>();
  subject->executable = parts.executable;
  subject->applet = parts.applet;
  subject->script = parts.script;
  subject->origin = parts.origin;
  subject->entry = parts.entry;
  subject->tty = parts.tty;
  subject->lineage_complete = parts.lineage_complete;
  subject->exe = parts.exe;
  subject->entry_command = parts.entry_command;
  subject->entry_hash = parts.entry_hash;
  if (parts.parent != nullptr) {
    subject->lineage.push_back(parts.parent->executable);
    for (const std::string& ancestor : parts.parent->lineage) {
      if (subject->lineage.size() == kLineageMax) break;
      subject->lineage.push_back(ancestor);
    }
    subject->lineage_complete = parts.lineage_complete && parts.parent->lineage_complete;
  }
  seal(*subject);
  return subject;
}

}  // namespace

SubjectPtr Subjects::intern(const SubjectParts& parts) {
  const std::uint64_t key = key_of(parts);
  const std::uint64_t parent_hash = parts.parent != nullptr ? parts.parent->hash : 0;
  if (const Known* known = known_.find(key)) {
    if (known->parent_hash == parent_hash && same(*known->subject, parts)) return known->subject;
    counters_.add(Counter::subject_collision);
    return make(parts);
  }
  if (known_.size() >= kSubjectsMax) make_room();
  SubjectPtr subject = make(parts);
  if (known_.size() < kSubjectsMax) known_[key] = {.subject = subject, .parent_hash = parent_hash};
  return subject;
}

void Subjects::make_room() {
  std::vector<std::uint64_t> idle;
  known_.for_each([&](std::uint64_t key, const Known& known) {
    if (known.subject.use_count() == 1) idle.push_back(key);
  });
  for (const std::uint64_t key : idle) known_.erase(key);
}

Executables::Executables() : rows_(kExecutableRows) {}

namespace {
std::size_t row_of(const FileId& file) {
  std::uint64_t mixed = file.inode ^ (std::uint64_t{file.device} << 32U) ^ file.generation;
  mixed *= 0x9E3779B97F4A7C15ULL;
  return static_cast<std::size_t>(mixed >> 40U) & (kExecutableRows - 1);
}
}  // namespace

void Executables::put(const FileId& file, std::string_view path, Origin origin) {
  Row& row = rows_[row_of(file)];
  if (row.file == file && row.path == path && row.origin == origin) return;
  row.file = file;
  row.origin = origin;
  row.path = path;
}

const Executables::Row* Executables::find(const FileId& file) const {
  const Row& row = rows_[row_of(file)];
  return row.file == file && !row.path.empty() ? &row : nullptr;
}

}  // namespace idtrail
