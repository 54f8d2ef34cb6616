// SPDX-License-Identifier: Apache-2.0
// The tables of settings: each row holds its bounds, is read as it is written, and stands in its
// page.
#include "base/knobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "base/firewall_settings.h"
#include "base/switch_settings.h"

namespace butterfly {
namespace {

using testing::HasSubstr;

std::string message_of(const Status& status) { return std::string(status.message()); }

std::vector<uint32_t> defaults(const KnobTable& table) {
  std::vector<uint32_t> values;
  for (const KnobInfo& info : table.rows) values.push_back(info.standard);
  return values;
}

class KnobsTest : public ::testing::TestWithParam<const KnobTable*> {
 protected:
  const KnobTable& table() const { return *GetParam(); }
};
std::string object_of(const ::testing::TestParamInfo<const KnobTable*>& table) {
  return table.param->object;
}
INSTANTIATE_TEST_SUITE_P(Tables, KnobsTest, ::testing::Values(&kFirewallKnobs, &kSwitchKnobs),
                         object_of);

TEST_P(KnobsTest, DefaultsAreWithinTheirBounds) {
  EXPECT_EQ(validate_knobs(table(), defaults(table())), ok_status());
}

// Each at, below and past its bounds.
TEST_P(KnobsTest, EverySettingHoldsItsBounds) {
  for (size_t i = 0; i < table().rows.size(); ++i) {
    const KnobInfo& info = table().rows[i];
    const auto with = [&](uint32_t value) {
      std::vector<uint32_t> values = defaults(table());
      values[i] = value;
      return validate_knobs(table(), values);
    };
    EXPECT_EQ(with(info.least), ok_status()) << info.key;
    EXPECT_EQ(with(info.most), ok_status()) << info.key;
    const std::string what = std::string(table().object) + ": " + info.key + " ";
    const std::string wanted = " (wanted " + wanted_text(info) + ")";
    EXPECT_EQ(message_of(with(info.most + 1)),
              what + std::to_string(info.most + 1) + " is too big" + wanted);
    if (info.least == 0) continue;
    EXPECT_EQ(message_of(with(info.least - 1)),
              what + std::to_string(info.least - 1) + " is too small" + wanted);
  }
}

TEST_P(KnobsTest, EverySettingIsReadAsItIsWritten) {
  for (size_t i = 0; i < table().rows.size(); ++i) {
    const KnobInfo& info = table().rows[i];
    for (const uint32_t value : {info.least, info.standard, info.most}) {
      const auto read = parse_knob(table(), std::string(info.key) + "=" + knob_text(info, value));
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->row, i);
      EXPECT_EQ(read->value, value);
    }
  }
}

TEST_P(KnobsTest, TheirPageHasThisTable) {
  std::ifstream file(BUTTERFLY_SOURCE_DIR "/docs/" + std::string(table().object) + ".md");
  std::ostringstream page;
  page << file.rdbuf();
  EXPECT_THAT(page.str(), HasSubstr("\n" + knob_page(table()) + "\n"))
      << "wanted in docs/" << table().object << ".md";
}

TEST(Knobs, RefuseWhatIsNoSettingOrValue) {
  const auto fault = [](const char* text) {
    return message_of(parse_knob(kFirewallKnobs, text).status());
  };
  EXPECT_EQ(fault("tcp_new_s"), "firewall: 'tcp_new_s' has no value (wanted KEY=VALUE)");
  EXPECT_THAT(fault("tcp_now_s=3"), HasSubstr("no setting 'tcp_now_s' (wanted one of tcp_new_s, "));
  EXPECT_EQ(fault("tcp_new_s="), "firewall: tcp_new_s '' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=30s"), "firewall: tcp_new_s '30s' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=030"), "firewall: tcp_new_s '030' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=-1"), "firewall: tcp_new_s '-1' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=4294967297"),
            "firewall: tcp_new_s 4294967297 is too big (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_new_s=99999999999999999999"),
            "firewall: tcp_new_s '99999999999999999999' is malformed (wanted 1..172800 s)");
  EXPECT_EQ(fault("tcp_loose=1"), "firewall: tcp_loose '1' is malformed (wanted on or off)");
  EXPECT_EQ(message_of(parse_knob(kSwitchKnobs, "ageing_s=9").status()),
            "switch: ageing_s 9 is too small (wanted 10..1000000 s)");
}

TEST(Knobs, SayWhatDiffers) {
  FirewallSettings after;
  after.set(Knob::tcp_new, 60);
  after.set(Knob::revalidate, 0);
  EXPECT_EQ(compare(FirewallSettings(), after), "tcp_new_s 30 → 60, revalidate on → off");
  EXPECT_EQ(compare(after, after), "");
  EXPECT_EQ(after[Knob::tcp_established], 86'400u);
  EXPECT_FALSE(after.is_on(Knob::tcp_loose));
}

}  // namespace
}  // namespace butterfly
