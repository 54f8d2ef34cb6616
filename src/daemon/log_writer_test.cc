// SPDX-License-Identifier: Apache-2.0
// The lines that drops and starts leave in the daemon's log.
#include "daemon/log_writer.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

LogReport udp_drop() {
  LogReport report;
  report.brick = "firewall-to";
  report.out = "denied";
  report.sentence = "no rule allows it";
  report.from = "uplink";
  report.to = "web-1";
  report.vni = Vni{42};
  report.length = 90;
  report.frame.source_mac = Mac::from_u64(0x525400000009);
  report.frame.destination_mac = Mac::from_u64(0x525400000001);
  report.frame.ethertype = 0x86dd;
  report.frame.family = wire::Family::v6;
  report.frame.source = *IpAddress::parse("fd00::9");
  report.frame.destination = *IpAddress::parse("fd00::1");
  report.frame.protocol = uint8_t{17};
  report.frame.source_port = uint16_t{5000};
  report.frame.destination_port = uint16_t{53};
  report.kept_back = 12;
  return report;
}

TEST(LogLine, NamesEverythingThatIsKnown) {
  EXPECT_EQ(log_line(udp_drop()),
            "drop brick=firewall-to out=denied from=uplink to=web-1 vni=42 length=90 "
            "smac=52:54:00:00:00:09 dmac=52:54:00:00:00:01 ethertype=34525 proto=17 src=fd00::9 "
            "dst=fd00::1 sport=5000 dport=53 suppressed=12");
}

TEST(LogLine, OfAStartNamesItsRule) {
  LogReport report = udp_drop();
  report.is_drop = false;
  report.out = "allowed";
  report.rule = "0123456789abcdef";
  report.group = "web";
  report.kept_back = 0;
  const std::string line = log_line(report);
  EXPECT_TRUE(line.starts_with("start brick=firewall-to out=allowed ")) << line;
  EXPECT_TRUE(line.ends_with(" rule=0123456789abcdef group=web")) << line;
}

TEST(LogLine, OfARateNamesItsProcedure) {
  LogReport report = udp_drop();
  report.procedure = "guests";
  EXPECT_TRUE(log_line(report).ends_with(" procedure=guests suppressed=12")) << log_line(report);
}

TEST(LogLine, LeavesOutWhatIsNotKnown) {
  LogReport report;
  report.brick = "parse";
  report.out = "truncated-ethernet";
  report.from = "a";
  report.length = 5;
  EXPECT_EQ(log_line(report),
            "drop brick=parse out=truncated-ethernet from=a length=5 ethertype=0");
}

TEST(LogLine, NamesAnEventAndWhatItIsAbout) {
  News news;
  news.kind = NewsKind::guest_connected;
  news.nic = "web-1";
  news.vni = Vni{42};
  EXPECT_EQ(log_line(news), "guest-connected nic=web-1 vni=42");
  News peer;
  peer.kind = NewsKind::uplink_down;
  peer.count = 3;
  EXPECT_EQ(log_line(peer), "uplink-down count=3");
  peer.kind = NewsKind::uplink_member_down;
  peer.count = 0;
  peer.member = "eth1";
  EXPECT_EQ(log_line(peer), "uplink-member-down member=eth1");
}

}  // namespace
}  // namespace butterfly
