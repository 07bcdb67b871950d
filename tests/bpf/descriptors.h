// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace idtrail::test {

/// A socket pair over which descriptors are passed.
class DescriptorPair {
 public:
  DescriptorPair();
  ~DescriptorPair();
  DescriptorPair(const DescriptorPair&) = delete;
  DescriptorPair& operator=(const DescriptorPair&) = delete;

  [[nodiscard]] bool send(int descriptor) const;
  /// The descriptor that was sent first, or -1.
  [[nodiscard]] int receive() const;

 private:
  int ends_[2] = {-1, -1};
};

/// Opens the file by its handle, as NFS servers and those who look for a way out do; -1 where not.
int open_by_handle(const std::string& path);

}  // namespace idtrail::test
