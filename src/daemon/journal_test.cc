// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

namespace butterfly {
namespace {

TEST(Journal, IsKnownByTheStreamThatTheServiceManagerNames) {
  struct stat facts {};
  ASSERT_EQ(fstat(STDERR_FILENO, &facts), 0);
  const std::string ours = std::to_string(facts.st_dev) + ":" + std::to_string(facts.st_ino);
  EXPECT_TRUE(is_journal(STDERR_FILENO, ours.c_str()));
  EXPECT_FALSE(is_journal(STDERR_FILENO, "1:2"));
  EXPECT_FALSE(is_journal(STDERR_FILENO, ""));
  EXPECT_FALSE(is_journal(STDERR_FILENO, nullptr));
  EXPECT_FALSE(is_journal(-1, ours.c_str()));
}

TEST(Journal, GetsPrioritiesAndNoTimes) {
  std::ostringstream text;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "journal-test", std::make_shared<spdlog::sinks::ostream_sink_st>(text)));
  spdlog::set_level(spdlog::level::trace);
  log_for_journal();
  spdlog::critical("a");
  spdlog::error("b");
  spdlog::warn("c");
  spdlog::info("d");
  spdlog::debug("e");
  spdlog::trace("f");
  spdlog::set_default_logger(before);
  spdlog::set_level(spdlog::level::info);
  EXPECT_EQ(text.str(), "<2>a\n<3>b\n<4>c\n<6>d\n<7>e\n<7>f\n");
}

}  // namespace
}  // namespace butterfly
