// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "agent/counters.h"
#include "agent/identity/flat_map.h"
#include "agent/identity/lineages.h"
#include "agent/identity/place.h"
#include "agent/identity/subjects.h"
#include "core/model/event.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

struct Process : Descent {
  ProcessKey key;
  ProcessKey tree;             // root of its tree below the container's first process
  LineageId lineage{};         // as its latest record had it
  bool start_by_tick = false;  // key.started is the clock tick's first nanosecond, as /proc has it
  bool ended = false;
  std::uint32_t older = 0;  // neighbours in the list of the living or of the dead
  std::uint32_t newer = 0;
};

/// The processes of which a record came: many never send one, since what they do is known. What is
/// not known of a process itself is known of its lineage. Bounded; when full the process that ended
/// first goes, then the oldest living one (counted). Event order in, no clock. Pointers live until
/// the next call that changes it.
class Processes {
 public:
  static constexpr std::uint32_t kCapacity = 65536;

  Processes(Counters& counters, std::uint32_t capacity = kCapacity);

  void on_fact(const v1::ProcessFact& fact, const Process* parent, Place& place);
  /// Returns the process, with the subject that it has become.
  const Process& on_exec(const Event& event, const Exec& exec, Place& place);
  void on_fork(const Event& event, const Fork& fork, Place& place, Place& child_place);
  void on_exit(const Event& event);

  /// The process that does something while it runs `exe`; adopted with what is known where its
  /// start or exec was not seen.
  const Process& acting(const Event& event, const FileId& exe, const ProcessKey& parent,
                        bool host_mntns, Place& place);

  [[nodiscard]] const Process* find(const ProcessKey& key) const;
  /// By tgid alone, the latest that is alive: for facts, which name parents so.
  [[nodiscard]] const Process* find_living(std::uint32_t tgid) const;
  /// A process of which nobody hears again, so that it takes no room; until the next call. Null
  /// where its lineage is not known.
  [[nodiscard]] const Process* guest(const Event& event, const Place& place);
  /// What a process of this lineage runs; null where it is not known.
  [[nodiscard]] const Subject* subject_of(LineageId lineage);
  [[nodiscard]] std::uint64_t lineages_forgotten() const { return lineages_.turns(); }
  [[nodiscard]] std::size_t size() const { return by_key_.size(); }
  [[nodiscard]] std::size_t subjects() const { return subjects_.size(); }

 private:
  struct List {
    std::uint32_t oldest = 0;
    std::uint32_t newest = 0;
  };

  Process* find_mutable(const ProcessKey& key);
  Process& add(const ProcessKey& key);
  void free_one();
  void forget(std::uint32_t row);
  void append(List& list, std::uint32_t row);
  void unlink(List& list, std::uint32_t row);

  Process* recall(const Event& event, LineageId lineage);
  Process* born_of(const Event& event, LineageId ancestor);
  void remember(Process& process, const Event& event);
  Process& adopt(const Event& event, const ProcessKey& parent, Place& place);
  void move(Process& process, Place& place);
  void leave_runtime(Process& process, const Exec& exec, Place& place);
  void run(Process& process, const Exec& exec, const Place& place);
  void reseal(Process& process);
  void rediscover(Process& process, const FileId& exe, const Place& place);

  Counters& counters_;
  Subjects subjects_;
  Lineages lineages_;
  Process guest_;
  Executables executables_;
  std::uint32_t capacity_;
  std::vector<Process> rows_;  // row 0 is no process
  std::vector<std::uint32_t> free_;
  FlatMap<std::uint32_t> by_key_;
  FlatMap<std::uint32_t> by_tgid_;  // the living
  List living_;
  List dead_;
  SubjectPtr unseen_[2];  // of processes of which nothing is known: on the host, in a container
};

}  // namespace idtrail
