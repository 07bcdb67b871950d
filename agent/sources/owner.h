// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace idtrail {

/// A label's value; empty where the pod has no such label.
using LabelLookup = std::function<std::string_view(std::string_view name)>;

struct Owner {
  std::string kind;
  std::string name;
  bool operator==(const Owner&) const = default;
};

/// The workload of a pod, from the labels that the controllers set, checked against the pod's name.
/// Where the two do not agree, the pod itself: a label alone is anybody's to write.
Owner owner_from_labels(std::string_view pod, const LabelLookup& label);

}  // namespace idtrail
