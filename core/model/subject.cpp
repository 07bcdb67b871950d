// SPDX-License-Identifier: Apache-2.0
#include "core/model/subject.h"

#include "core/common/hash.h"
#include "core/common/text.h"

namespace idtrail {

const char* origin_name(Origin origin) {
  switch (origin) {
    case Origin::kImage:
      return "image";
    case Origin::kUpper:
      return "upper";
    case Origin::kMemfd:
      return "memfd";
    case Origin::kTmpfs:
      return "tmpfs";
    case Origin::kDeleted:
      return "deleted";
    case Origin::kVolume:
      return "volume";
    case Origin::kHost:
      return "host";
    case Origin::kUnknown:
      return "unknown";
  }
  return "unknown";
}

const char* entry_name(Entry entry) {
  switch (entry) {
    case Entry::kContainer:
      return "container";
    case Entry::kEntered:
      return "entered";
    case Entry::kRuntime:
      return "runtime";
    case Entry::kHost:
      return "host";
    case Entry::kUnknown:
      return "unknown";
  }
  return "unknown";
}

void seal(Subject& subject) {
  std::uint64_t hash = hash_fields({subject.executable, subject.applet, subject.script,
                                    origin_name(subject.origin), entry_name(subject.entry)});
  for (const std::string& ancestor : subject.lineage) hash = hash_combine(hash, hash64(ancestor));
  if (subject.entry == Entry::kEntered) hash = hash_combine(hash, subject.entry_hash);
  subject.hash = hash;
}

std::string program_name(const Subject& subject) {
  std::string name = subject.executable.empty() ? "unknown" : printable(subject.executable);
  if (!subject.applet.empty()) name += " (" + printable(subject.applet) + ")";
  if (!subject.script.empty()) name += " " + printable(subject.script);
  return name;
}

std::string display_name(const Subject& subject) {
  std::string name = program_name(subject);
  for (const std::string& ancestor : subject.lineage) name += " < " + printable(ancestor);
  if (!subject.lineage_complete) name += " < ?";
  return name;
}

}  // namespace idtrail
