// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <unordered_map>

#include <gtest/gtest.h>

#include "agent/identity/flat_map.h"

namespace idtrail {
namespace {

TEST(FlatMap, HoldsWhatAMapHoldsThroughAnyInsertsAndErasures) {
  std::mt19937_64 random(1);
  FlatMap<std::uint64_t> flat;
  std::unordered_map<std::uint64_t, std::uint64_t> model;
  for (int i = 0; i < 200000; ++i) {
    const std::uint64_t key = random() % 3000 << 40U;  // equal low bits
    if (random() % 3 == 0) {
      EXPECT_EQ(flat.erase(key), model.erase(key) == 1);
    } else {
      flat[key] = static_cast<std::uint64_t>(i);
      model[key] = static_cast<std::uint64_t>(i);
    }
  }
  EXPECT_EQ(flat.size(), model.size());
  for (const auto& [key, value] : model) {
    ASSERT_NE(flat.find(key), nullptr);
    EXPECT_EQ(*flat.find(key), value);
  }
  EXPECT_EQ(flat.find(7), nullptr);
}

}  // namespace
}  // namespace idtrail
