// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/common/result.h"
#include "idtrail/control.h"

namespace idtrail {

struct ProbeStatus {
  std::string_view name;             // as in probes.def
  std::uint16_t kind = 0;            // enum event_kind
  std::string hook{};                // where it is attached; empty if refused
  std::string error{};               // why every way was refused; empty if attached
  std::uint32_t verified_insns = 0;  // of its largest program
};

struct SensorOptions {
  std::uint32_t ring_bytes = 4U << 20U;  // a power of two, at least a page
  std::vector<std::string> only;         // probes to load; empty: all
  std::vector<std::string> avoid;        // ways not to use, as "credential/fentry"
  std::uint32_t skip_tgid = 0;           // whose acts are not reported; 0: this process
  std::uint32_t host_mntns = 0;  // inode of the host's mount namespace; 0: that of process 1
};

/// The kernel half, loaded and attached, and the reader's end of its ring.
/// Not thread-safe, except that drops() and missed_runs() may be called beside poll().
class Sensor {
 public:
  using RecordFn = std::function<void(std::span<const std::byte>)>;

  /// Loads each probe; a refused one leaves the others running and is told by probes().
  /// kInvalid: an option; kPermission: this process lacks a right; kUnsupported: this node has no
  /// BTF, forbids bpf(2) or takes no probe at all; kExhausted: no memory for the maps.
  static Result<Sensor> open(const SensorOptions& options);
  ~Sensor();
  Sensor(Sensor&& other) noexcept;
  Sensor& operator=(Sensor&& other) noexcept;

  [[nodiscard]] std::span<const ProbeStatus> probes() const;

  /// Hands over every record that is there; if there is none, waits for an urgent one, at most
  /// `timeout`. Records are views into the ring, valid during the call only, in the order of
  /// reservation. Returns how many.
  Result<std::size_t> poll(std::chrono::milliseconds timeout, const RecordFn& on_record);
  /// Readable when an urgent record waits; fork and exit records make nothing readable.
  [[nodiscard]] int epoll_fd() const;

  /// Records lost because the ring was full, by kind, since open().
  [[nodiscard]] std::vector<std::uint64_t> drops() const;
  /// Program runs that the kernel skipped, since open(); always 0 before 5.12.
  [[nodiscard]] std::uint64_t missed_runs() const;

  /// What this tmpfs is, valid for that superblock only: `generation` is that of the mount or
  /// credential record, or volume_generation() read before the mount was looked at.
  /// kExhausted: VOLUMES_MAX verdicts stand; the device stays unknown, so that its opens are sent.
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
