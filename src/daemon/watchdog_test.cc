// SPDX-License-Identifier: Apache-2.0
// When the service manager hears from us, and when not.
#include "daemon/watchdog.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>

namespace butterfly {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class WatchdogTest : public testing::Test {
 protected:
  WatchdogTest() {
    LcoreReport lcore;
    lcore.cpu = 2;
    lcores.push_back(lcore);
    lcore.index = 1;
    lcore.cpu = 3;
    lcores.push_back(lcore);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  }
  ~WatchdogTest() override { spdlog::set_default_logger(before); }

  // Whether a look pings, after these lcores have ended a round.
  bool pings_after(const std::vector<size_t>& moved) {
    for (const size_t index : moved) ++lcores[index].rounds;
    const int before_look = pings;
    watchdog.look();
    return pings != before_look;
  }
  std::string take_log() {
    std::string text = log.str();
    log.str("");
    return text;
  }

  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  std::ostringstream log;
  std::vector<LcoreReport> lcores;
  int pings = 0;
  std::chrono::nanoseconds api{};
  std::chrono::nanoseconds change{};
  Watchdog watchdog{seconds(20),
                    {[this] { return lcores; }, [this] { return api; }, [this] { return change; }},
                    [this] { ++pings; }};
};

TEST_F(WatchdogTest, PingsWhileEveryLcoreMoves) {
  EXPECT_TRUE(pings_after({})) << "nothing is known yet";
  EXPECT_TRUE(pings_after({0, 1}));
  EXPECT_TRUE(pings_after({1, 0}));
  EXPECT_EQ(take_log(), "");
}

TEST_F(WatchdogTest, IsSilentWhileOneLcoreStandsStill) {
  EXPECT_TRUE(pings_after({0, 1}));
  EXPECT_FALSE(pings_after({0}));
  const std::string told = take_log();
  EXPECT_NE(told.find("lcore 1 (CPU 3) has ended no round for 5000 ms"), std::string::npos) << told;
  EXPECT_EQ(told.find("lcore 0"), std::string::npos) << told;
  EXPECT_FALSE(pings_after({0})) << "and stays so";
  EXPECT_EQ(take_log(), "") << "told once";
  EXPECT_FALSE(pings_after({})) << "now both";
  EXPECT_NE(take_log().find("lcore 0 (CPU 2) has ended no round"), std::string::npos);
  EXPECT_FALSE(pings_after({1})) << "one is not enough";
  EXPECT_TRUE(pings_after({0, 1}));
  const std::string again = take_log();
  EXPECT_NE(again.find("lcore 0 (CPU 2) moves again"), std::string::npos) << again;
}

TEST_F(WatchdogTest, IsSilentWhileTheApiIs) {
  EXPECT_TRUE(pings_after({0, 1}));
  api = seconds(19);
  EXPECT_TRUE(pings_after({0, 1})) << "slow is not dead";
  EXPECT_EQ(take_log(), "");
  api = seconds(20);
  EXPECT_FALSE(pings_after({0, 1}));
  const std::string told = take_log();
  EXPECT_NE(told.find("no ping until the API answers, as it has not for 20000 ms"),
            std::string::npos)
      << told;
  EXPECT_FALSE(pings_after({0, 1})) << "and stays so";
  EXPECT_EQ(take_log(), "") << "told once";
  api = {};
  EXPECT_FALSE(pings_after({0})) << "an lcore stands still";
  EXPECT_NE(take_log().find("the API answers again"), std::string::npos);
  EXPECT_TRUE(pings_after({0, 1}));
}

TEST_F(WatchdogTest, TellsOfAChangeThatDoesNotEndAndPings) {
  EXPECT_TRUE(pings_after({0, 1}));
  change = seconds(20);
  EXPECT_TRUE(pings_after({0, 1}));
  const std::string told = take_log();
  EXPECT_NE(told.find("a change of the intent has been under way for 20000 ms"), std::string::npos)
      << told;
  EXPECT_TRUE(pings_after({0, 1}));
  EXPECT_EQ(take_log(), "") << "told once";
  change = {};
  EXPECT_TRUE(pings_after({0, 1}));
  EXPECT_NE(take_log().find("that change has ended"), std::string::npos);
}

TEST_F(WatchdogTest, LooksOftenEnoughButNotMoreOftenThanIdleLcoresMove) {
  EXPECT_EQ(watchdog.period(), seconds(5));
  const Watchdog hasty(milliseconds(400), {}, nullptr);
  EXPECT_EQ(hasty.period(), milliseconds(250));
  EXPECT_EQ(hasty.patience(), seconds(5)) << "a busy machine is not a broken one";
  EXPECT_TRUE(hasty.is_on());
  EXPECT_FALSE(Watchdog(microseconds(0), {}, nullptr).is_on());
}

}  // namespace
}  // namespace butterfly
