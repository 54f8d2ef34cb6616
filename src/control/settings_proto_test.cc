// SPDX-License-Identifier: Apache-2.0
// The settings of firewall, switch and segments in the API: fields, defaults, changes.
#include <gmock/gmock.h>

#include "control/change_for_test.h"

namespace butterfly {
namespace {

using test::change;
using test::text;
using testing::HasSubstr;
using testing::SizeIs;

TEST(Firewall, EverySettingIsAFieldAndEveryFieldASetting) {
  const auto* fields = v1::FirewallSettings::descriptor();
  ASSERT_EQ(static_cast<size_t>(fields->field_count()), kKnobs.size());
  for (const KnobInfo& info : kKnobs) {
    const auto* field = fields->FindFieldByName(info.key);
    ASSERT_TRUE(field) << info.key;
    EXPECT_EQ(field->cpp_type(), info.unit == KnobUnit::on_off
                                     ? google::protobuf::FieldDescriptor::CPPTYPE_BOOL
                                     : google::protobuf::FieldDescriptor::CPPTYPE_UINT32);
  }
}

TEST(Switch, EverySettingIsAFieldAndEveryFieldASetting) {
  const auto* fields = v1::SwitchSettings::descriptor();
  ASSERT_EQ(static_cast<size_t>(fields->field_count()), kSwitchRows.size());
  for (const KnobInfo& info : kSwitchRows) {
    const auto* field = fields->FindFieldByName(info.key);
    ASSERT_TRUE(field) << info.key;
    EXPECT_EQ(field->cpp_type(), info.unit == KnobUnit::on_off
                                     ? google::protobuf::FieldDescriptor::CPPTYPE_BOOL
                                     : google::protobuf::FieldDescriptor::CPPTYPE_UINT32);
  }
}

TEST(Segment, IsPutReadBackAndDeleted) {
  Intent intent;
  ASSERT_EQ(change(intent, "segment_put { vni: 7 gateways: '52:54:00:00:00:01' suppress: true }"),
            ok_status());
  EXPECT_THAT(intent.segments.at(Vni(7)).gateways, SizeIs(1));
  EXPECT_TRUE(intent.segments.at(Vni(7)).suppress);
  EXPECT_EQ(*from_proto(to_proto(intent)), intent);
  EXPECT_THAT(std::string(change(intent, "segment_put { vni: 7 gateways: 'x' }").message()),
              HasSubstr("segment 7: gateway: MAC 'x' is malformed"));
  ASSERT_EQ(change(intent, "segment_delete: 7"), ok_status());
  EXPECT_EQ(change(intent, "segment_delete: 7").message(),
            "segment 7: not found (wanted one that was set)");
}

TEST(Switch, SettingsAreChangedOneByOneAndReadBackWhole) {
  Intent intent;
  ASSERT_EQ(change(intent, "switch_set { ageing_s: 60 nic_macs: 0 }"), ok_status());
  ASSERT_EQ(change(intent, "switch_set { ageing_s: 61 }"), ok_status());
  EXPECT_EQ(intent.switching[SwitchKnob::ageing], 61u);
  EXPECT_EQ(intent.switching[SwitchKnob::nic_macs], 0u);
  EXPECT_EQ(to_proto(intent).switching().segment_macs(), 4'096u);
  EXPECT_EQ(*from_proto(to_proto(intent)), intent);
  ASSERT_EQ(change(intent, "switch_set { ageing_s: 9 }"), ok_status());
  EXPECT_THAT(std::string(validate(intent).message()),
              HasSubstr("switch: ageing_s 9 is too small (wanted 10..1000000 s)"));
}

TEST(Firewall, UnsetSettingsAreTheDefaultsAndComeBackFilled) {
  const auto intent = from_proto(text<v1::Intent>("firewall { tcp_new_s: 60 }"));
  ASSERT_TRUE(intent.ok());
  EXPECT_EQ(intent->firewall[Knob::tcp_new], 60u);
  const v1::FirewallSettings back = to_proto(*intent).firewall();
  EXPECT_EQ(back.tcp_established_s(), 86'400u);
  EXPECT_TRUE(back.has_revalidate());
  EXPECT_EQ(*from_proto(to_proto(*intent)), *intent);
  EXPECT_EQ(from_proto(v1::Intent())->firewall, FirewallSettings());
}

TEST(Firewall, AChangeChangesTheSettingsItNames) {
  Intent intent;
  ASSERT_EQ(change(intent, "firewall_set { udp_new_s: 10 revalidate: false }"), ok_status());
  ASSERT_EQ(change(intent, "firewall_set { udp_new_s: 11 }"), ok_status());
  EXPECT_EQ(intent.firewall[Knob::udp_new], 11u);
  EXPECT_FALSE(intent.firewall.is_on(Knob::revalidate));
  EXPECT_EQ(intent.firewall[Knob::icmp], 30u);
}

TEST(Firewall, ASettingOutsideItsBoundsIsRefusedBeforeItRuns) {
  Intent intent;
  ASSERT_EQ(change(intent, "firewall_set { icmp_s: 0 }"), ok_status());
  EXPECT_THAT(std::string(validate(intent).message()),
              HasSubstr("firewall: icmp_s 0 is too small (wanted 1..172800 s)"));
}

}  // namespace
}  // namespace butterfly
