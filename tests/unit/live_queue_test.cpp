// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <poll.h>

#include "agent/sources/queue.h"

namespace idtrail {
namespace {

TEST(RefusingQueue, RefusesAndCountsWhatFindsNoRoom) {
  RefusingQueue<int> queue(2);
  EXPECT_TRUE(queue.push(1));
  EXPECT_TRUE(queue.push(2));
  EXPECT_FALSE(queue.push(3));
  EXPECT_EQ(queue.refused(), 1U);
  EXPECT_EQ(queue.try_pop(), 1);
}

TEST(RefusingQueue, RingsItsBell) {
  const Bell bell;
  RefusingQueue<int> queue(2, &bell);
  pollfd wait{bell.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  queue.push(1);
  EXPECT_EQ(poll(&wait, 1, 0), 1);
  bell.clear();
  EXPECT_EQ(poll(&wait, 1, 0), 0);
}

TEST(RefusingQueue, StopsWaitingWhenAskedTo) {
  RefusingQueue<int> queue(1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(queue.pop(stop.get_token(), std::chrono::hours(1)), std::nullopt);
}

}  // namespace
}  // namespace idtrail
