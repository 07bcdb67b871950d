// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/common/result.h"

namespace idtrail {

/// One generation of programs and maps that stays in the kernel while no agent runs. Its folder's
/// name says all that another build has to know of it.
struct PinnedSet {
  std::uint32_t epoch = 0;
  std::uint32_t wire = 0;   // IDTRAIL_WIRE_CONTRACT of its records and books
  std::uint64_t shape = 0;  // tells programs and options apart
};

/// The folder of the BPF file system that holds them:
///   owner                         the map of include/idtrail/owner.h
///   set-EPOCH-WIRE-SHAPE/maps/    the shared maps of one set, by name
///   set-EPOCH-WIRE-SHAPE/PROBE/   its programs and links
class Pins {
 public:
  /// Takes the folder for this process, and makes it if it is not there. kUnavailable: another
  /// agent holds it; kNotFound: there is no BPF file system that we may write to.
  static Result<Pins> open(const std::string& folder);
  /// Takes away everything below the folder, and the folder: with their last name all programs
  /// leave the kernel. Not an error if there is none. kUnavailable: an agent holds it.
  static Result<void> remove_all(const std::string& folder);

  ~Pins();
  Pins(Pins&& other) noexcept;
  Pins& operator=(Pins&& other) noexcept;

  [[nodiscard]] std::vector<PinnedSet> sets() const;
  [[nodiscard]] std::string owner() const { return folder_ + "/owner"; }
  [[nodiscard]] std::string folder_of(const PinnedSet& set) const;
  /// Makes the folder, and the one that it lies in.
  static Result<void> make(const std::string& folder);
  /// The names in a folder, sorted; none where there is no folder.
  static std::vector<std::string> names(const std::string& folder);
  static Result<void> remove(const std::string& folder);

 private:
  Pins(std::string folder, int fd) : folder_(std::move(folder)), fd_(fd) {}

  std::string folder_;
  int fd_ = -1;  // its lock ends with the process, however that ends
};

}  // namespace idtrail
