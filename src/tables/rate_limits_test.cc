// SPDX-License-Identifier: Apache-2.0
#include "tables/rate_limits.h"

#include <gtest/gtest.h>

#include <thread>

namespace butterfly {
namespace {

constexpr PortId kNic{7};

class RateLimitsTest : public ::testing::Test {
 protected:
  // How many of 1,000,000 packets of `length` bytes, offered evenly over `ms`, pass.
  uint32_t passed(const RateLimit& limit, uint32_t length, uint32_t ms, uint32_t a_ms = 1000) {
    uint32_t count = 0;
    for (uint32_t at = 0; at < ms; ++at) {
      for (uint32_t i = 0; i < a_ms; ++i) {
        count += limits_.take(kNic, 3, limit, length, now_ + at);
      }
    }
    now_ += ms;
    return count;
  }

  RateLimits limits_{16};
  TimeMs now_ = 5'000;
};

TEST_F(RateLimitsTest, SoManyPacketsASecondPassAndTheBurstOnce) {
  const RateLimit limit = RateLimit::of(1000, 0, 100);
  const uint32_t first = passed(limit, 64, 1000);
  EXPECT_NEAR(first, 1100, 2);  // a second's, and 100 ms at once
  EXPECT_NEAR(passed(limit, 64, 1000), 1000, 2);
}

TEST_F(RateLimitsTest, SoManyBitsASecondPass) {
  const RateLimit limit = RateLimit::of(0, 8'000'000, 10);  // a megabyte a second
  passed(limit, 1000, 100);                                 // the burst is used up
  EXPECT_NEAR(passed(limit, 1000, 1000), 1000, 2);
  EXPECT_NEAR(passed(limit, 100, 1000), 10'000, 20);
}

TEST_F(RateLimitsTest, OfTwoLimitsTheStricterCounts) {
  const RateLimit limit = RateLimit::of(500, 8'000'000, 10);
  passed(limit, 1000, 100);
  EXPECT_NEAR(passed(limit, 1000, 1000), 500, 2);
  const RateLimit other = RateLimit::of(1'000'000, 8'000, 10);
  passed(other, 1000, 3000);
  EXPECT_NEAR(passed(other, 1000, 10'000, 10), 10, 1);
}

TEST_F(RateLimitsTest, APacketPassesHoweverSmallTheRate) {
  EXPECT_TRUE(limits_.take(kNic, 1, RateLimit::of(1, 0, 1), 64, now_));
  EXPECT_FALSE(limits_.take(kNic, 1, RateLimit::of(1, 0, 1), 64, now_ + 900));
  EXPECT_TRUE(limits_.take(kNic, 1, RateLimit::of(1, 0, 1), 64, now_ + 1001));
  // 64 KiB at 8 kbit/s take a minute.
  const RateLimit slow = RateLimit::of(0, 8'000, 1);
  EXPECT_TRUE(limits_.take(kNic, 2, slow, 65'535, now_));
  EXPECT_FALSE(limits_.take(kNic, 2, slow, 64, now_ + 60'000));
  EXPECT_TRUE(limits_.take(kNic, 2, slow, 64, now_ + 66'000));
}

TEST_F(RateLimitsTest, NicsAndProceduresHaveBucketsOfTheirOwn) {
  const RateLimit limit = RateLimit::of(1, 0, 1);
  EXPECT_TRUE(limits_.take(PortId{1}, 1, limit, 64, now_));
  EXPECT_FALSE(limits_.take(PortId{1}, 1, limit, 64, now_));
  EXPECT_TRUE(limits_.take(PortId{2}, 1, limit, 64, now_));
  EXPECT_TRUE(limits_.take(PortId{1}, 2, limit, 64, now_));
  EXPECT_TRUE(limits_.take(PortId{kMaxPorts - 1}, 15, limit, 64, now_));
}

TEST_F(RateLimitsTest, TheClockMayWrap) {
  now_ = 0xffff'ff00;
  const RateLimit limit = RateLimit::of(1000, 0, 10);
  passed(limit, 64, 100);
  EXPECT_NEAR(passed(limit, 64, 1000), 1000, 2);
}

TEST_F(RateLimitsTest, AfterALongSilenceABucketIsAtRestWhateverTheClockSays) {
  const RateLimit limit = RateLimit::of(1000, 0, 10);
  for (uint64_t days = 1; days < 60; ++days) {
    EXPECT_TRUE(limits_.take(kNic, 1, limit, 64, now_ + static_cast<TimeMs>(days * 86'400'000)));
  }
}

TEST_F(RateLimitsTest, LcoresShareOneLimit) {
  const RateLimit limit = RateLimit::of(1'000'000, 0, 100);
  std::atomic<uint32_t> count{0};
  const auto ask = [&] {
    for (int i = 0; i < 200'000; ++i) count += limits_.take(kNic, 1, limit, 64, now_);
  };
  std::thread other(ask);
  ask();
  other.join();
  EXPECT_NEAR(count.load(), 100'000, 3);
}

}  // namespace
}  // namespace butterfly
