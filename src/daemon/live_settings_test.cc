// SPDX-License-Identifier: Apache-2.0
// Every key is told through the API, and set there or said to be for the start only.
#include "daemon/live_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_keys.h"

namespace butterfly {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<unsigned> kCpus{0, 1};

Config parse(const std::string& text) { return *parse_config(text, "b.toml", kCpus); }

class LiveSettingsTest : public testing::Test {
 protected:
  Status set(const std::string& key, const std::string& value) {
    return settings.set({{key, value}});
  }
  std::string message(const std::string& key, const std::string& value) {
    return std::string(set(key, value).message());
  }
  SettingReport report(const std::string& key) {
    for (const SettingReport& report : settings.settings()) {
      if (report.key == key) return report;
    }
    return {};
  }

  Status answer = ok_status();
  std::vector<Config> adopted;
  LiveSettings settings{parse("[daemon]\nlog_level = 'warning'\n[dataplane]\nlcores = [1]\n"),
                        [this](const Config&, const Config& next) {
                          if (answer.ok()) adopted.push_back(next);
                          return answer;
                        }};
};

TEST_F(LiveSettingsTest, TellsEveryKeyAndSetsItOrSaysThatItIsForTheStart) {
  const auto reports = settings.settings();
  ASSERT_EQ(reports.size(), config_keys().size());
  for (size_t i = 0; i < reports.size(); ++i) {
    const ConfigKey& key = config_keys()[i];
    SCOPED_TRACE(key.full_name());
    EXPECT_EQ(reports[i].key, key.full_name());
    EXPECT_FALSE(reports[i].standard.empty());
    EXPECT_FALSE(reports[i].wanted.empty());
    EXPECT_FALSE(reports[i].sentence.empty());
    const std::string value = key.example.empty() ? key.standard() : key.example;
    const Status status = set(key.full_name(), value);
    if (reports[i].start_only) {
      EXPECT_EQ(status.message(), "setting '" + key.full_name() +
                                      "': counts from the next start on (wanted: a line in the "
                                      "configuration file, and a restart)");
      continue;
    }
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(report(key.full_name()).value, value);
    EXPECT_EQ(report(key.full_name()).origin, SettingOrigin::run_time);
  }
}

TEST_F(LiveSettingsTest, SaysWhereAValueIsFrom) {
  EXPECT_EQ(report("daemon.api").origin, SettingOrigin::standard);
  EXPECT_EQ(report("daemon.log_level").origin, SettingOrigin::file);
  EXPECT_EQ(report("daemon.log_level").value, "\"warning\"");
  EXPECT_EQ(report("daemon.log_level").standard, "\"info\"");
  EXPECT_EQ(report("dataplane.lcores").standard, "(the last CPU that the daemon may use)");
  EXPECT_EQ(report("uplink.vxlan_port").value, "");
}

TEST_F(LiveSettingsTest, TakesStringsWithAndWithoutQuotes) {
  for (const char* level : {"debug", "\"debug\"", "'debug'"}) {
    EXPECT_TRUE(set("daemon.log_level", level).ok()) << level;
    EXPECT_EQ(adopted.back().daemon.log_level, "debug");
  }
  EXPECT_TRUE(set("daemon.api_group", "").ok());
}

TEST_F(LiveSettingsTest, RefusesWhatIsNoValueAndChangesNothing) {
  EXPECT_EQ(message("daemon.log_level", "loud"),
            "daemon.log_level = 'loud': unknown word (wanted one of trace, debug, info, warning, "
            "error)");
  EXPECT_EQ(message("log.drops_per_second", "10001"),
            "log.drops_per_second = 10001: out of range (wanted 0..10000)");
  EXPECT_EQ(message("log.drops_per_second", "many"),
            "log.drops_per_second = many: no value (wanted 0 to 10000)");
  EXPECT_EQ(message("log.drops_per_second", "1\nstarts_per_second = 2"),
            "log.drops_per_second = 1\nstarts_per_second = 2: no value (wanted 0 to 10000)");
  EXPECT_EQ(message("daemon.api_mode", "0060"),
            "daemon.api_mode = '0060': not a usable mode (wanted an octal mode in quotes, \"0600\" "
            "to \"0777\")");
  EXPECT_EQ(
      message("daemon.nothing", "1"),
      "setting 'daemon.nothing': no such key (wanted one that `butterfly config show` lists)");
  EXPECT_FALSE(settings.set({{"log.drops_per_second", "5"}, {"daemon.nothing", "1"}}).ok());
  EXPECT_THAT(adopted, IsEmpty());
  EXPECT_EQ(report("log.drops_per_second").value, "0");
}

TEST_F(LiveSettingsTest, KeepsWhatWasWhenTheDaemonCannotFollow) {
  answer = precondition("no such group");
  EXPECT_EQ(message("daemon.api_group", "nobody-at-all"), "no such group");
  EXPECT_EQ(report("daemon.api_group").value, "\"\"");
  EXPECT_EQ(report("daemon.api_group").origin, SettingOrigin::standard);
}

TEST_F(LiveSettingsTest, ReadsTheFileAgainOverWhatWasSetMeanwhile) {
  ASSERT_TRUE(set("log.drops_per_second", "7").ok());
  const auto reloaded = settings.reload(
      parse("[daemon]\nlog_level = 'debug'\napi = 'unix:/x'\n[dataplane]\nlcores = [1]\n"));
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  EXPECT_THAT(reloaded->changed,
              ElementsAre("daemon.log_level = \"debug\"", "log.drops_per_second = 0"));
  EXPECT_THAT(reloaded->start_only, ElementsAre("daemon.api"));
  EXPECT_EQ(adopted.back().daemon.log_level, "debug");
  EXPECT_EQ(adopted.back().daemon.api, Config().daemon.api);
  EXPECT_EQ(report("log.drops_per_second").origin, SettingOrigin::standard);
  EXPECT_EQ(report("daemon.api").value, "\"unix:/run/butterfly/api.sock\"");
}

TEST_F(LiveSettingsTest, NamesKeysOfATableThatHasComeOrGone) {
  const auto reloaded = settings.reload(
      parse("[dataplane]\nlcores = [1]\n[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\n"));
  ASSERT_TRUE(reloaded.ok());
  EXPECT_THAT(reloaded->start_only,
              ElementsAre("uplink.device", "uplink.address", "uplink.vxlan_port",
                          "uplink.lacp_rate", "uplink.kernel_driver", "uplink.force"));
}

TEST_F(LiveSettingsTest, KeepsWhatWasWhenAReloadCannotBeFollowed) {
  answer = precondition("no such group");
  EXPECT_FALSE(settings.reload(parse("[daemon]\nlog_level = 'debug'\n")).ok());
  EXPECT_EQ(report("daemon.log_level").value, "\"warning\"");
}

}  // namespace
}  // namespace butterfly
