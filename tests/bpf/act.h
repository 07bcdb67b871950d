// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "idtrail/behaviour.h"
#include "idtrail/events.h"
#include "tests/bpf/recorder.h"

namespace idtrail::test {

/// A child process that has ended.
struct Acted {
  std::uint32_t tgid = 0;
  int status = 0;               // of waitpid(2)
  std::uint64_t before_ns = 0;  // it was made after
  std::uint64_t made_ns = 0;    // and before
  std::uint64_t ended_ns = 0;
};

/// Runs `act` in a child, which ends with its result as exit code.
Acted in_child(const std::function<int()>& act);
/// As in_child(), and the child executes `file` with `arguments` after `prepare`. Its exit code is
/// the errno of an execve that failed, 0 otherwise.
Acted run(
    const std::string& file, std::vector<std::string> arguments,
    const std::function<void()>& prepare = [] {});

/// Every field of the header but the sequence number.
void expect_header(const Record& record, event_kind kind, const Acted& by);
/// That (parent_tgid, parent_start_boot_ns) is this process.
void expect_parent_is_this(std::uint32_t tgid, std::uint64_t start_boot_ns);
/// What a verdict on this record is a verdict on, but for its object.
behaviour behaviour_of(const Record& record);
/// Device and inode of what the path names; the generation cannot be told from user space.
void expect_file(const file_id& file, const std::string& path);

/// The static program beside this one, which does nothing.
std::string exec_target();
/// A folder of its own under /tmp, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const;

 private:
  std::filesystem::path path_;
};
/// A tmpfs mounted for as long as it lives.
class Tmpfs {
 public:
  explicit Tmpfs(std::string place);
  ~Tmpfs();
  Tmpfs(const Tmpfs&) = delete;
  Tmpfs& operator=(const Tmpfs&) = delete;
  void unmount();
  [[nodiscard]] std::uint32_t device() const;

 private:
  std::string place_;
};
void write_file(const std::string& path, const std::string& text, unsigned mode = 0644);
std::uint64_t inode_of(const std::string& path);

}  // namespace idtrail::test
