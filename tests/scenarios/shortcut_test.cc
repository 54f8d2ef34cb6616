// SPDX-License-Identifier: Apache-2.0
// With the shortcut every packet has the same fate as without (decision record 0007): the same
// random traffic, under the same random changes, goes through two hosts that differ in that only.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "scenarios/random_traffic.h"
#include "support/eal.h"

namespace butterfly::scenario {
namespace {

constexpr int kCycles = 4;
constexpr int kQuietBursts = 150;
constexpr int kBusyBursts = 50;

// One seed's life of two hosts: quiet times in which connections go on, and busy ones in which
// everything changes at once.
class Life {
 public:
  Life(uint64_t seed, const TwinHosts::Setting& setting)
      : dice_(seed), hosts_(setting), tenants_(dice_), traffic_(dice_, hosts_, setting.ageing_ms) {}

  void run() {
    for (int cycle = 0; cycle < kCycles; ++cycle) {
      if (!live_quietly()) return;
      for (int i = 0; i < kBusyBursts; ++i) {
        if (!live_through_a_change()) return;
      }
    }
    EXPECT_EQ(hosts_.audit(), ok_status());
  }
  TwinHosts::Share quiet() const { return quiet_; }
  TwinHosts::Share all() const { return hosts_.share(); }

 private:
  // Each of these: false when a difference was found.

  bool live_quietly() {
    if (dice_.percent(70)) tenants_.restore();
    if (!apply("quiet begins")) return false;
    traffic_.renew();
    const TwinHosts::Share before = hosts_.share();
    for (int i = 0; i < kQuietBursts; ++i) {
      traffic_.burst(/*hostile=*/false, /*to_the_end=*/true);
      if (dice_.percent(3)) traffic_.let_pass(dice_.below(700));
      if (!is_same("a quiet burst")) return false;
    }
    const TwinHosts::Share after = hosts_.share();
    quiet_ += {after.taken - before.taken, after.walked - before.walked};
    return true;
  }

  bool live_through_a_change() {
    // Some frames wait in the ports, or between lcores, while intent changes.
    const bool waits = dice_.percent(30);
    traffic_.burst(/*hostile=*/dice_.percent(70), !waits);
    if (waits && dice_.percent(50)) hosts_.round();
    if (dice_.percent(60) && !apply(tenants_.change())) return false;
    if (waits) hosts_.settle();
    if (!is_same("a busy burst")) return false;
    if (dice_.percent(40)) traffic_.wander();
    if (dice_.percent(25)) traffic_.let_pass(dice_.below(3'000));
    if (dice_.percent(3)) traffic_.let_pass(dice_.below(4) * 30'000 + dice_.below(60'000));
    return is_same("time");
  }

  bool apply(const std::string& what) {
    done_.push_back(what);
    const Status status = hosts_.apply(tenants_.intent(), underlay_neighbours());
    EXPECT_EQ(status, ok_status()) << what;
    traffic_.follow(tenants_.intent());
    return is_same(what) && status.ok();
  }

  bool is_same(const std::string& when) {
    if (hosts_.difference().empty()) return true;
    std::string changes;
    const size_t first = done_.size() > 4 ? done_.size() - 4 : 0;
    for (size_t i = first; i < done_.size(); ++i) changes += "\n    " + done_[i];
    ADD_FAILURE() << "after " << when << ": " << hosts_.difference()
                  << "\n  last changes:" << changes << "\n  last frames:" << hosts_.history();
    return false;
  }

  Dice dice_;
  TwinHosts hosts_;
  RandomTenants tenants_;
  RandomTraffic traffic_;
  std::vector<std::string> done_;
  TwinHosts::Share quiet_;
};

// How many seeds: few enough for every build. LIVES in the environment asks for more.
uint64_t lives() {
  const char* const wanted = std::getenv("LIVES");
  return wanted ? std::strtoull(wanted, nullptr, 10) : 12;
}

void live(uint64_t first_seed, const TwinHosts::Setting& setting) {
  TwinHosts::Share quiet;
  TwinHosts::Share all;
  for (uint64_t seed = first_seed; seed < first_seed + lives(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed, setting);
    life.run();
    if (::testing::Test::HasFailure()) return;
    quiet += life.quiet();
    all += life.all();
  }
  std::printf("%llu packets, %.0f %% by the shortcut; %llu in quiet times, %.0f %%\n",
              static_cast<unsigned long long>(all.count()), 100 * all.part_taken(),
              static_cast<unsigned long long>(quiet.count()), 100 * quiet.part_taken());
  EXPECT_GT(quiet.part_taken(), 0.6) << "too few packets took the shortcut to prove anything";
}

TEST(ShortcutTest, ChangesNothingOnOneLcore) { live(1, {.lcores = 1}); }
TEST(ShortcutTest, ChangesNothingOnThreeLcores) { live(10'001, {.lcores = 3}); }
TEST(ShortcutTest, ChangesNothingOverASmallUnderlay) { live(20'001, {.lcores = 2, .mtu = 700}); }

}  // namespace
}  // namespace butterfly::scenario
