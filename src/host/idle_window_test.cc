// SPDX-License-Identifier: Apache-2.0
#include "host/idle_window.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

// The window after packets that came `gap_ns` after one another, looked for by an lcore that sleeps
// when the window is over.
class IdleWindowTest : public ::testing::Test {
 protected:
  void pass_packets(int count, uint64_t gap_ns) {
    for (int i = 0; i < count; ++i) {
      if (gap_ns > window_.ns()) {
        window_.note_sleep(gap_ns - window_.ns());
        ++sleeps_;
      }
    }
  }
  int sleeps_after(int count, uint64_t gap_ns) {
    sleeps_ = 0;
    pass_packets(count, gap_ns);
    return sleeps_;
  }
  IdleWindow window_;
  int sleeps_ = 0;
};

TEST_F(IdleWindowTest, PacketsInQuickSuccessionSoonFindTheLcoreAwake) {
  for (const uint64_t gap : {15'000, 20'000, 30'000, 45'000}) {
    EXPECT_LE(sleeps_after(1000, gap), 5) << gap;
  }
}

TEST_F(IdleWindowTest, BetweenRarePacketsItSleepsAtOnce) {
  pass_packets(1000, 40'000);
  EXPECT_EQ(sleeps_after(100, 1'000'000), 100);
  EXPECT_EQ(window_.ns(), IdleWindow::kShortestNs);
}

TEST_F(IdleWindowTest, OnePauseDoesNotMakeItForget) {
  pass_packets(1000, 40'000);
  pass_packets(1, 5'000'000);
  EXPECT_GE(window_.ns(), IdleWindow::kLongestNs / 4);
  EXPECT_LE(sleeps_after(1000, 40'000), 1);
}

TEST(IdleWindowNaps, AfterSuperFramesItNapsForAWhileAndThenSleeps) {
  IdleWindow window;
  EXPECT_FALSE(window.take_nap());
  window.note_received(2, 2 * 50'000);
  window.note_received(32, 32 * 66);  // acknowledgements do not end it
  uint64_t ns = 0;
  while (window.take_nap()) ns += IdleWindow::kNapNs;
  EXPECT_GE(ns, 500'000u);
  EXPECT_LE(ns, 2'000'000u);
  EXPECT_FALSE(window.take_nap());
}

TEST(IdleWindowNaps, FramesOfAWireNeverMakeItNap) {
  IdleWindow window;
  window.note_received(32, 32 * 1514);
  window.note_received(32, 32 * 9014);
  window.note_received(1, 60);
  EXPECT_FALSE(window.take_nap());
}

}  // namespace
}  // namespace butterfly
