// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/processes.h"

#include <chrono>
#include <utility>

#include "agent/identity/subject_parts.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr std::chrono::milliseconds kTick{10};  // USER_HZ is 100 on every architecture we know

std::uint64_t key_of(const ProcessKey& key) {
  const auto started = static_cast<std::uint64_t>(key.started.time_since_epoch().count());
  return started * 0x9E3779B97F4A7C15ULL + key.tgid * 0xC2B2AE3D27D4EB4FULL;
}

/// What a child of that process has as its ancestor.
SubjectPtr ancestor_below(const Descent& parent) {
  return parent.entry == Entry::kRuntime ? nullptr : parent.subject;
}

/// The child as its parent is when it forks it.
void descend(Descent& child, const Descent& parent) {
  child = parent;
  child.ancestor = ancestor_below(parent);
}

SubjectParts unseen_parts(bool in_container) {
  return {.executable = kUnknown,
          .origin = in_container ? Origin::kUnknown : Origin::kHost,
          .entry = in_container ? Entry::kUnknown : Entry::kHost,
          .lineage_complete = false};
}

}  // namespace

Processes::Processes(Counters& counters, std::uint32_t capacity)
    : counters_(counters), subjects_(counters), capacity_(capacity), rows_(1) {
  rows_.reserve(capacity + 2U);
  for (const bool in_container : {false, true}) {
    unseen_[in_container] = subjects_.intern(unseen_parts(in_container));
  }
}

const Process* Processes::find(const ProcessKey& key) const {
  return const_cast<Processes*>(this)->find_mutable(key);
}

Process* Processes::find_mutable(const ProcessKey& key) {
  const std::uint32_t* row = by_key_.find(key_of(key));
  if (row != nullptr && rows_[*row].key == key) return &rows_[*row];
  // A process that ran before the agent is known by its tick only; no tgid is used twice in one.
  const std::uint32_t* living = by_tgid_.find(key.tgid);
  if (living == nullptr || !rows_[*living].start_by_tick) return nullptr;
  const auto within = key.started - rows_[*living].key.started;
  return within >= within.zero() && within < kTick ? &rows_[*living] : nullptr;
}

const Process* Processes::find_living(std::uint32_t tgid) const {
  const std::uint32_t* row = by_tgid_.find(tgid);
  return row != nullptr ? &rows_[*row] : nullptr;
}

const Subject* Processes::subject_of(LineageId lineage) {
  const Descent* known = lineages_.find(lineage);
  return known != nullptr ? known->subject.get() : nullptr;
}

/// The process, which is of that lineage, as far as anything is known of it; else null.
Process* Processes::recall(const Event& event, LineageId lineage) {
  Process* process = find_mutable(event.process);
  if (process != nullptr && process->lineage == lineage) return process;
  const Descent* known = lineages_.find(lineage);
  if (known == nullptr) return process;
  if (process == nullptr) {
    process = &add(event.process);
    process->tree = event.tree;
  }
  static_cast<Descent&>(*process) = *known;
  process->lineage = lineage;
  return process;
}

const Process* Processes::guest(const Event& event, const Place& place) {
  const Descent* known = lineages_.find(event.lineage);
  if (known == nullptr || known->place != place.serial) return nullptr;
  static_cast<Descent&>(guest_) = *known;
  guest_.key = event.process;
  guest_.tree = event.tree;
  return &guest_;
}

/// The process as it was when its parent forked it; null where nothing is known of that.
Process* Processes::born_of(const Event& event, LineageId ancestor) {
  const Descent* known = lineages_.find(ancestor);
  if (known == nullptr) return nullptr;
  Process& process = add(event.process);
  process.tree = event.tree;
  descend(process, *known);
  return &process;
}

/// What is known of the process is from now on known of its lineage.
void Processes::remember(Process& process, const Event& event) {
  if (event.lineage == LineageId{}) return;
  process.lineage = event.lineage;
  if (!event.moved) lineages_.put(event.lineage, process);
}

void Processes::on_fact(const v1::ProcessFact& fact, const Process* parent, Place& place) {
  const ProcessKey key{.tgid = fact.tgid(), .started = boot_time(fact.start_boot_ns())};
  if (find(key) != nullptr) return;
  const bool inside = parent != nullptr && parent->place == place.serial;
  const Process above = inside ? *parent : Process{};  // add() may move it
  Process& process = add(key);
  process.place = place.serial;
  process.place_known = place.kind != PlaceKind::kUnannounced;
  process.host_mntns = fact.host_mount_namespace();
  process.tree = key;
  process.start_by_tick = true;
  process.exe_stated = false;
  if (!place.is_container()) {
    process.entry = Entry::kHost;
  } else if (inside) {
    process.entry = above.entry;
    if (!(place.has_first && place.first == above.key)) process.tree = above.tree;
  } else if (process.host_mntns) {
    process.entry = Entry::kRuntime;
  } else {
    process.entry = place.has_first ? Entry::kEntered : Entry::kContainer;
    if (!place.has_first) place.first = key;
    place.has_first = true;
  }
  if (inside && above.entry != Entry::kRuntime) process.ancestor = above.subject;
  SubjectParts parts = parts_of(fact, place);
  parts.entry = process.entry;
  parts.parent = process.ancestor.get();
  if (process.entry == Entry::kEntered) {
    // Its command is gone by now: what it runs stands for it, or what its parent had.
    const bool has_entry = inside && above.subject->entry_hash != 0;
    parts.entry_command = has_entry ? above.subject->entry_command : std::string_view();
    parts.entry_hash =
        has_entry ? above.subject->entry_hash : entry_hash_of(parts.executable, parts.executable);
  }
  process.subject = subjects_.intern(parts);
  executables_.put(parts.exe, parts.executable, parts.origin);
}

void Processes::on_fork(const Event& event, const Fork& fork, Place& place, Place& child_place) {
  if (find(fork.child) != nullptr) return;  // a fact came first and knows more
  Process* parent = recall(event, event.lineage);
  if (parent == nullptr) parent = &adopt(event, {}, place);
  if (parent->place != place.serial) move(*parent, place);
  remember(*parent, event);
  const Process above = *parent;
  Process& child = add(fork.child);
  child.lineage = above.lineage;
  descend(child, above);
  const bool root = place.is_container() && place.has_first && place.first == above.key;
  child.tree = root || above.entry == Entry::kRuntime ? fork.child : above.tree;
  if (child_place.serial != place.serial) move(child, child_place);
}

void Processes::on_exit(const Event& event) {
  Process* process = find_mutable(event.process);
  if (process == nullptr || process->ended) return;
  process->ended = true;
  // By its own key: one of before the agent's start was found by its tick, not by the event's.
  const std::uint32_t row = *by_key_.find(key_of(process->key));
  unlink(living_, row);
  append(dead_, row);
  const std::uint32_t* living = by_tgid_.find(event.process.tgid);
  if (living != nullptr && *living == row) by_tgid_.erase(event.process.tgid);
}

const Process& Processes::on_exec(const Event& event, const Exec& exec, Place& place) {
  const bool from_own = (exec.flags & EXEC_FROM_OWN) != 0;
  Process* process = from_own ? recall(event, exec.ancestor) : find_mutable(event.process);
  if (process == nullptr && !from_own) process = born_of(event, exec.ancestor);
  if (process == nullptr) process = &adopt(event, exec.parent, place);
  if (process->place != place.serial) move(*process, place);
  const Descent* above = from_own ? nullptr : lineages_.find(exec.ancestor);
  if (above != nullptr && above->place == place.serial) {
    // Its row may have come of a record of its own between fork and exec: that says who it is, not
    // whom it descends from.
    process->ancestor = ancestor_below(*above);
  }
  process->host_mntns = (exec.flags & EXEC_HOST_MNTNS) != 0;
  // Where nothing is known of it the kernel's word is taken: it came from outside.
  const bool came_in =
      (exec.flags & EXEC_TOP) != 0 && process->entry == Entry::kUnknown && place.is_container();
  if (process->entry == Entry::kRuntime || process->awaits_exec || came_in) {
    leave_runtime(*process, exec, place);
  }
  run(*process, exec, place);
  remember(*process, event);
  return *process;
}

const Process& Processes::acting(const Event& event, const FileId& exe, const ProcessKey& parent,
                                 bool host_mntns, Place& place) {
  Process* process = recall(event, event.lineage);
  if (process == nullptr) process = &adopt(event, parent, place);
  if (process->place != place.serial) move(*process, place);
  if (process->entry == Entry::kRuntime && !host_mntns) {
    // It is at work in the container without having run a program there.
    process->entry = Entry::kEntered;
    process->awaits_exec = true;
    reseal(*process);
  }
  if (process->subject->exe != exe) rediscover(*process, exe, place);
  remember(*process, event);
  return *process;
}

/// A process of which no start was seen.
Process& Processes::adopt(const Event& event, const ProcessKey& parent, Place& place) {
  counters_.add(Counter::process_unknown);
  const Process* above = find(parent);
  const bool inside = above != nullptr && above->place == place.serial;
  const Process copy = inside ? *above : Process{};  // add() may move it
  Process& process = add(event.process);
  process.place = place.serial;
  process.place_known = place.kind != PlaceKind::kUnannounced;
  process.start_seen = false;
  process.entry = place.is_container() ? Entry::kUnknown : Entry::kHost;
  process.tree = event.process;
  process.subject = unseen_[place.is_container()];
  if (!inside || copy.entry == Entry::kRuntime) return process;
  process.entry = copy.entry;
  process.ancestor = copy.subject;
  if (!(place.has_first && place.first == copy.key)) process.tree = copy.tree;
  return process;
}

/// The process was seen in another place than before.
void Processes::move(Process& process, Place& place) {
  const bool was_known = process.place_known;
  process.place = place.serial;
  process.place_known = place.kind != PlaceKind::kUnannounced;
  process.tree = process.key;
  process.ancestor = nullptr;
  process.awaits_exec = false;
  if (!place.is_container()) {
    process.entry = Entry::kHost;
  } else if (!was_known || !process.start_seen) {
    process.entry = Entry::kUnknown;  // from where it came nobody saw
    process.start_seen = false;
  } else if (process.host_mntns) {
    process.entry = Entry::kRuntime;
  } else {
    process.entry = Entry::kEntered;
    process.awaits_exec = true;
  }
  reseal(process);
}

/// An exec of a process that came from outside: in the host's mount namespace it is the runtime
/// itself, else the container's first process or one that entered after it.
void Processes::leave_runtime(Process& process, const Exec& exec, Place& place) {
  process.awaits_exec = process.host_mntns;
  process.entry = Entry::kRuntime;
  if (process.host_mntns) return;
  const bool first = place.has_first ? place.first == process.key : place.made_live;
  process.entry = first ? Entry::kContainer : Entry::kEntered;
  process.tree = process.key;
  process.ancestor = nullptr;
  if (first) {
    place.has_first = true;
    place.first = process.key;
  } else {
    SubjectParts parts = parts_of(*process.subject);
    parts.entry = Entry::kEntered;
    parts.entry_command = exec.arguments;
    parts.entry_hash = entry_hash_of(exec.path, exec.arguments);
    process.subject = subjects_.intern(parts);
  }
}

/// Gives the process the subject of what it now runs.
void Processes::run(Process& process, const Exec& exec, const Place& place) {
  SubjectParts parts = parts_of(exec, place, process.entry);
  parts.parent = process.ancestor.get();
  parts.lineage_complete = process.start_seen;
  if (process.entry == Entry::kEntered) {
    parts.entry_command = process.subject->entry_command;
    parts.entry_hash = process.subject->entry_hash;
  }
  executables_.put(parts.exe, parts.executable, parts.origin);
  process.exe_stated = true;
  process.subject = subjects_.intern(parts);
}

/// The same program, but another entry or place.
void Processes::reseal(Process& process) {
  SubjectParts parts = parts_of(*process.subject);
  parts.entry = process.entry;
  parts.lineage_complete = process.start_seen;
  if (process.entry == Entry::kEntered && parts.entry_hash == 0) {
    parts.entry_hash = entry_hash_of(parts.executable, parts.executable);
  } else if (process.entry != Entry::kEntered) {
    parts.entry_command = {};
    parts.entry_hash = 0;
  }
  process.subject = subjects_.intern(parts);
}

/// It runs a program whose exec was not seen.
void Processes::rediscover(Process& process, const FileId& exe, const Place& place) {
  if (!process.exe_stated) {
    process.exe_stated = true;
    SubjectParts same = parts_of(*process.subject);
    same.exe = exe;
    same.parent = process.ancestor.get();
    executables_.put(exe, same.executable, same.origin);
    process.subject = subjects_.intern(same);
    return;
  }
  if (process.start_seen) counters_.add(Counter::exec_missed);
  const Executables::Row* row = executables_.find(exe);
  process.start_seen = false;
  SubjectParts parts = unseen_parts(place.is_container());
  if (row != nullptr) {
    parts.executable = row->path;
    if (place.is_container()) parts.origin = row->origin;
  }
  parts.exe = exe;
  parts.entry = process.entry;
  parts.parent = process.ancestor.get();
  const SubjectPtr before = process.subject;  // its text is viewed
  parts.entry_command = before->entry_command;
  parts.entry_hash = before->entry_hash;
  process.subject = subjects_.intern(parts);
}

Process& Processes::add(const ProcessKey& key) {
  if (by_key_.size() >= capacity_) free_one();
  if (std::uint32_t* old = by_key_.find(key_of(key))) forget(*old);
  std::uint32_t row = 0;
  if (free_.empty()) {
    row = static_cast<std::uint32_t>(rows_.size());
    rows_.emplace_back();
  } else {
    row = free_.back();
    free_.pop_back();
  }
  rows_[row] = Process{};
  rows_[row].key = key;
  by_key_[key_of(key)] = row;
  by_tgid_[key.tgid] = row;
  append(living_, row);
  return rows_[row];
}

void Processes::free_one() {
  if (dead_.oldest != 0) {
    counters_.add(Counter::process_forgotten);
    forget(dead_.oldest);
    return;
  }
  counters_.add(Counter::process_evicted);
  forget(living_.oldest);
}

void Processes::forget(std::uint32_t row) {
  Process& process = rows_[row];
  unlink(process.ended ? dead_ : living_, row);
  by_key_.erase(key_of(process.key));
  const std::uint32_t* living = by_tgid_.find(process.key.tgid);
  if (living != nullptr && *living == row) by_tgid_.erase(process.key.tgid);
  process = Process{};
  free_.push_back(row);
}

void Processes::append(List& list, std::uint32_t row) {
  rows_[row].older = list.newest;
  rows_[row].newer = 0;
  if (list.newest != 0) rows_[list.newest].newer = row;
  if (list.oldest == 0) list.oldest = row;
  list.newest = row;
}

void Processes::unlink(List& list, std::uint32_t row) {
  const Process& process = rows_[row];
  if (process.older != 0) rows_[process.older].newer = process.newer;
  if (process.newer != 0) rows_[process.newer].older = process.older;
  if (list.oldest == row) list.oldest = process.newer;
  if (list.newest == row) list.newest = process.older;
}

}  // namespace idtrail
