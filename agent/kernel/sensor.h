// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kernel/known_table.h"
#include "core/common/result.h"
#include "core/node/hierarchy.h"
#include "idtrail/control.h"

namespace idtrail {

struct ProbeStatus {
  std::string_view name;             // as in probes.def
  std::uint16_t kind = 0;            // enum event_kind
  std::string hook{};                // where it is attached; empty if refused
  std::string error{};               // why every way was refused; empty if attached
  std::uint32_t verified_insns = 0;  // of its largest program
  bool kept = false;                 // stays in the kernel when the agent ends
};

/// What was found of an agent that ran before.
struct Takeover {
  bool found = false;               // its programs have reported up to now
  std::uint64_t alive_boot_ns = 0;  // when it last lived
  std::uint64_t until_boot_ns = 0;  // when its programs, or ours, had an agent again
  std::uint64_t lost = 0;           // events limited or dropped in between
  std::uint64_t unattended = 0;     // events not reported, because nobody came back for so long
  std::uint64_t unreadable = 0;     // records that it left, of a wire contract that is not ours
  std::uint64_t handed_again = 0;   // records in its hand when it died: they come, again perhaps
  std::uint64_t unharvested = 0;    // known events that it had not put on anybody's books
  std::uint64_t undelivered = 0;    // findings that were under way: lost, or out at the last moment
};

/// Records that one cgroup may send in one window of about a second.
struct SensorQuota {
  std::uint32_t urgent = 2000;
  std::uint32_t bulk = 8000;
  std::uint32_t reserved = 256;  // urgent ones beyond it, the first of their subject and object
};

/// What became of the events of one cgroup, since its row was opened, but for those that are known:
/// they are counted with their verdict (KnownTable).
struct CgroupBooks {
  std::uint64_t cgroup_id = 0;  // 0: of all that have no row of their own
  bool removed = false;         // no more will come
  std::array<std::array<std::uint64_t, OUTCOMES>, EVENT_KINDS> counts{};  // by kind and outcome
};

/// Events that were lost on purpose or for want of room, of all cgroups.
struct KindLosses {
  std::uint64_t limited = 0;
  std::uint64_t dropped = 0;
  bool operator==(const KindLosses&) const = default;
};

/// What of the sensor is not as it was left.
struct SensorDamage {
  bool probe = false;  // a map otherwise
  std::string name{};
  std::string what{};
};

/// Runs that the kernel left out because the program was already at work on that CPU.
struct MissedRuns {
  std::string hook{};
  std::uint64_t count = 0;  // since it was loaded
};

/// What the sets of system calls could not tell apart, or keep (control.h).
struct SyscallCounts {
  std::uint64_t larger = 0;   // calls by a number that no table has
  std::uint64_t evicted = 0;  // words pushed out: their calls are sent again
};

/// Taxes every system call, so it is loaded only where it is asked for.
inline constexpr std::string_view kOffByDefault = "syscalls";

struct SensorOptions {
  std::uint32_t ring_bytes = 4U << 20U;  // of each ring; a power of two, at least a page
  SensorQuota quota{};
  std::vector<std::string> only{};       // probes to load; empty: all but kOffByDefault
  std::vector<std::string> avoid{};      // ways not to use, as "credential/fentry"
  bool stacks = false;                   // a stack follows each read that is sent
  bool syscalls = false;                 // kOffByDefault too, where `only` is empty
  std::uint32_t skip_tgid = 0;           // whose acts are not reported; 0: this process
  std::string pins{};                    // folder of a BPF file system; empty: nothing outlives us
  std::chrono::nanoseconds patience{0};  // how long what outlives us reports; 0: for ever
  std::uint32_t host_mntns = 0;  // inode of the host's mount namespace; 0: that of process 1
  std::string cgroup_root = "/sys/fs/cgroup";  // where cgroup file systems are mounted
  /// Ids of the cgroups in the hierarchy mounted there: asked for when all is loaded, so that what
  /// stands already has its own books from the first event on. Empty: none has.
  std::function<std::vector<std::uint64_t>(const std::string& root)> standing{};
};

/// The kernel half, loaded and attached, and the reader's end of its rings.
/// Not thread-safe, except that losses(), books() and missed_runs() may be called beside poll().
class Sensor {
 public:
  using RecordFn = std::function<void(std::span<const std::byte>)>;

  /// Loads each probe; a refused one leaves the others running and is told by probes().
  /// kInvalid: an option; kPermission: this process lacks a right; kUnsupported: this node has no
  /// BTF, forbids bpf(2) or takes no probe at all; kExhausted: no memory for the maps. With `pins`
  /// also kUnavailable: another sensor holds that folder; kNotFound: it is on no BPF file system
  /// that we may write to.
  static Result<Sensor> open(const SensorOptions& options);
  ~Sensor();
  Sensor(Sensor&& other) noexcept;
  Sensor& operator=(Sensor&& other) noexcept;

  [[nodiscard]] std::span<const ProbeStatus> probes() const;
  /// Whose cgroups the records and books are of.
  [[nodiscard]] const CgroupHierarchy& hierarchy() const;
  [[nodiscard]] const Takeover& takeover() const;
  /// Takes everything that outlived its agent out of the kernel. kUnavailable: a sensor holds it.
  static Result<void> remove_pins(const std::string& folder);
  /// How many findings were raised so far, before the record that they came from is given back; and
  /// how many went out. So that the next agent knows what died with this one. From any thread.
  void note_raised(std::uint64_t findings);
  void note_delivered(std::uint64_t findings);
  /// A sign of life, about once a second where `patience` is set.
  void beat();

  /// Hands over every record that is there; if there is none, waits for an urgent one, at most
  /// `timeout`. Records are views, valid during the call only, in the order of time. Returns how
  /// many.
  std::size_t poll(std::chrono::milliseconds timeout, const RecordFn& on_record);
  /// For poll(2): readable while a record of that ring waits, one that is being written included.
  [[nodiscard]] int urgent_fd() const;
  [[nodiscard]] int bulk_fd() const;

  /// Bytes that wait in each ring.
  struct Waiting {
    std::uint64_t urgent = 0;
    std::uint64_t bulk = 0;
  };
  [[nodiscard]] Waiting waiting() const;

  /// By kind, since open(). Cheap: says whether books() is worth reading.
  [[nodiscard]] std::vector<KindLosses> losses() const;
  [[nodiscard]] SyscallCounts syscall_counts() const;
  /// Calls `each` for every cgroup's books, that of key 0 among them.
  Result<void> books(const std::function<void(const CgroupBooks&)>& each) const;
  /// Opens the books of a cgroup that stood before the probes; not an error if they are open.
  /// kExhausted: CGROUPS_MAX stand; its events go on the books of key 0.
  Result<void> open_books(std::uint64_t cgroup_id);
  /// Once `removed` was seen and the counts are kept elsewhere.
  void close_books(std::uint64_t cgroup_id);
  /// What the programs need not send any more.
  KnownTable& known();
  /// Makes the programs send what goes on and is told from time to time: bytes of connections that
  /// are still open. False where the kernel refused it.
  bool walk();
  /// Of every probe; always 0 before 5.12.
  [[nodiscard]] std::vector<MissedRuns> missed_runs_by_hook() const;
  [[nodiscard]] std::uint64_t missed_runs() const;
  /// Probes that no longer hang where they were attached, and maps that hold what we did not
  /// write. The table of verdicts is not looked through: sampling proves it. A verdict on a device
  /// that has none of ours is seen after eight calls at most.
  [[nodiscard]] std::vector<SensorDamage> damages();

  /// What this tmpfs is, valid for that superblock only: `generation` is that of the mount or
  /// credential record, or volume_generation() read before the mount was looked at.
  /// kExhausted: its number is DEVICES_MAX or more; it stays unknown, so that its opens are sent.
  Result<void> set_volume(std::uint32_t device, volume_kind kind, std::uint32_t generation);
  /// Back to unknown. Not an error if it was.
  Result<void> forget_volume(std::uint32_t device);
  /// Which superblock has the device now; 0 if it is older than the mount probe.
  [[nodiscard]] std::uint32_t volume_generation(std::uint32_t device) const;

 private:
  struct State;
  explicit Sensor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idtrail
