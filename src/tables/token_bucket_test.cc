// SPDX-License-Identifier: Apache-2.0
#include "tables/token_bucket.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

int take_all(TokenBucket& bucket, TimeMs now) {
  int taken = 0;
  while (bucket.take(now)) ++taken;
  return taken;
}

TEST(TokenBucket, GivesItsBurstAtOnceAndThenNoMore) {
  TokenBucket bucket(1000, 100);
  EXPECT_EQ(take_all(bucket, 5'000), 100);
  EXPECT_FALSE(bucket.take(5'000));
}

TEST(TokenBucket, FillsAtItsRate) {
  TokenBucket bucket(1000, 100);
  take_all(bucket, 0);
  EXPECT_EQ(take_all(bucket, 1), 1);
  EXPECT_EQ(take_all(bucket, 31), 30);
}

TEST(TokenBucket, SlowRatesAreNotRoundedAway) {
  TokenBucket bucket(3, 1);  // a token every 333.3 ms
  EXPECT_TRUE(bucket.take(0));
  int taken = 0;
  for (TimeMs now = 1; now <= 10'000; ++now) taken += bucket.take(now);
  EXPECT_EQ(taken, 29);  // what is beyond the burst of one is lost three times in ten seconds
}

TEST(TokenBucket, IdleTimeEarnsNoMoreThanTheBurst) {
  TokenBucket bucket(1000, 100);
  take_all(bucket, 0);
  EXPECT_EQ(take_all(bucket, 3'600'000), 100);
}

TEST(TokenBucket, WorksAcrossTheWrapOfTheClock) {
  TokenBucket bucket(1000, 100);
  take_all(bucket, 0xffff'fffb);
  EXPECT_EQ(take_all(bucket, 5), 10);
}

}  // namespace
}  // namespace butterfly
