// SPDX-License-Identifier: Apache-2.0
#include "agent/identity/lineages.h"

#include <utility>

namespace idtrail {

const Descent* Lineages::find(LineageId lineage) {
  if (lineage == LineageId{}) return nullptr;
  const auto key = static_cast<std::uint64_t>(lineage);
  if (const Descent* known = young_.find(key)) return known;
  Descent* found = old_.find(key);
  if (found == nullptr) return nullptr;
  const Descent kept = std::move(*found);
  old_.erase(key);
  put(lineage, kept);
  return young_.find(key);
}

void Lineages::put(LineageId lineage, const Descent& what) {
  if (lineage == LineageId{}) return;
  const Descent* known = find(lineage);
  const bool better =
      known != nullptr && ((what.start_seen && !known->start_seen) || what.place != known->place);
  if (known != nullptr && !better) return;
  if (young_.size() >= half_) {
    if (old_.size() != 0) ++turns_;
    old_ = std::exchange(young_, {});
  }
  young_[static_cast<std::uint64_t>(lineage)] = what;
}

}  // namespace idtrail
