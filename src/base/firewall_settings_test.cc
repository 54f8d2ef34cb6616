// SPDX-License-Identifier: Apache-2.0
#include "base/firewall_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace butterfly {
namespace {

using testing::HasSubstr;

std::string message_of(const Status& status) { return std::string(status.message()); }

TEST(FirewallSettings, DefaultsAreWithinTheirBounds) {
  EXPECT_EQ(validate(FirewallSettings()), ok_status());
  EXPECT_EQ(FirewallSettings()[Knob::tcp_established], 86'400u);
  EXPECT_TRUE(FirewallSettings().is_on(Knob::revalidate));
  EXPECT_FALSE(FirewallSettings().is_on(Knob::tcp_loose));
}

// Each at, below and past its bounds.
TEST(FirewallSettings, EverySettingHoldsItsBounds) {
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    const KnobInfo& info = kKnobs[i];
    const auto with = [&](uint32_t value) {
      FirewallSettings settings;
      settings.set(knob_at(i), value);
      return validate(settings);
    };
    EXPECT_EQ(with(info.least), ok_status()) << info.key;
    EXPECT_EQ(with(info.most), ok_status()) << info.key;
    const std::string wanted = " (wanted " + wanted_text(info) + ")";
    EXPECT_EQ(message_of(with(info.most + 1)), "firewall: " + std::string(info.key) + " " +
                                                   std::to_string(info.most + 1) + " is too big" +
                                                   wanted);
    if (info.least == 0) continue;
    EXPECT_EQ(message_of(with(info.least - 1)), "firewall: " + std::string(info.key) + " " +
                                                    std::to_string(info.least - 1) +
                                                    " is too small" + wanted);
  }
}

TEST(FirewallSettings, EverySettingIsReadAsItIsWritten) {
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    for (const uint32_t value : {kKnobs[i].least, kKnobs[i].standard, kKnobs[i].most}) {
      const auto read = parse_knob(std::string(kKnobs[i].key) + "=" + knob_text(knob_at(i), value));
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->knob, knob_at(i));
      EXPECT_EQ(read->value, value);
    }
  }
}

TEST(FirewallSettings, RefusesWhatIsNoSettingOrValue) {
  const auto fault = [](const char* text) { return message_of(parse_knob(text).status()); };
  EXPECT_EQ(fault("tcp_new_s"), "firewall: 'tcp_new_s' has no value (wanted KEY=VALUE)");
  EXPECT_THAT(fault("tcp_now_s=3"), HasSubstr("no setting 'tcp_now_s' (wanted one of tcp_new_s, "));
  EXPECT_EQ(fault("tcp_new_s="), "firewall: tcp_new_s '' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=30s"), "firewall: tcp_new_s '30s' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=-1"), "firewall: tcp_new_s '-1' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=4294967297"),
            "firewall: tcp_new_s 4294967297 is too big (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=99999999999999999999"),
            "firewall: tcp_new_s '99999999999999999999' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_loose=1"), "firewall: tcp_loose '1' is malformed (wanted on or off)");
}

TEST(FirewallSettings, SaysWhatDiffers) {
  FirewallSettings after;
  after.set(Knob::tcp_new, 60);
  after.set(Knob::revalidate, 0);
  EXPECT_EQ(compare(FirewallSettings(), after), "tcp_new_s 30 → 60, revalidate on → off");
  EXPECT_EQ(compare(after, after), "");
}

TEST(FirewallSettings, TheirPageHasThisTable) {
  std::ifstream file(BUTTERFLY_SOURCE_DIR "/docs/firewall.md");
  std::ostringstream page;
  page << file.rdbuf();
  EXPECT_THAT(page.str(), HasSubstr("\n" + knob_table() + "\n")) << "wanted in docs/firewall.md";
}

}  // namespace
}  // namespace butterfly
