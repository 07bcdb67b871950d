// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/counters.h"
#include "agent/identity/flat_map.h"
#include "core/model/event.h"
#include "core/model/subject.h"

namespace idtrail {

using SubjectPtr = std::shared_ptr<const Subject>;

/// What a subject is made of; text is only viewed.
struct SubjectParts {
  std::string_view executable{};
  std::string_view applet{};
  std::string_view script{};
  Origin origin = Origin::kUnknown;
  Entry entry = Entry::kUnknown;
  bool tty = false;
  bool lineage_complete = true;
  FileId exe{};
  const Subject* parent = nullptr;   // nearest ancestor in the same container; null at its boundary
  std::string_view entry_command{};  // of an entered tree
  std::uint64_t entry_hash = 0;
};

/// Sealed subjects, each made once: a known one costs a hash and a probe. Bounded.
class Subjects {
 public:
  explicit Subjects(Counters& counters) : counters_(counters) {}
  SubjectPtr intern(const SubjectParts& parts);
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  void make_room();

  struct Known {
    SubjectPtr subject;
    std::uint64_t parent_hash = 0;
  };
  Counters& counters_;
  FlatMap<Known> known_;
};

/// Paths of executables by file, for processes whose exec was not seen. Bounded: a newer file may
/// take an older one's row.
class Executables {
 public:
  Executables();
  void put(const FileId& file, std::string_view path, Origin origin);
  struct Row {
    FileId file;
    Origin origin = Origin::kUnknown;
    std::string path;
  };
  /// Null where the file has not been seen, or not lately.
  [[nodiscard]] const Row* find(const FileId& file) const;

 private:
  std::vector<Row> rows_;
};

}  // namespace idtrail
