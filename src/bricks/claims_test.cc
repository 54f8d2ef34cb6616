// SPDX-License-Identifier: Apache-2.0
#include "bricks/claims.h"

#include <gtest/gtest.h>

#include "support/underlay.h"

namespace butterfly {
namespace {

using test::make_parsed;

constexpr PortId kWeb{1}, kDb{2}, kFree{3};

// Two guests that are held to their addresses, one that is not, and peers.
class ClaimsTest : public ::testing::Test {
 protected:
  ClaimsTest() {
    lcore_.set_now(1'000);
    set_segment({});
    for (const PortId port : {kWeb, kDb, kFree}) {
      Nic nic;
      nic.port = port;
      nic.vni = Vni{7};
      nic.serial = NicSerial{port.value};
      nic.mac = Mac::from_u64(0x525400000000 + port.value);
      nic.antispoof = port != kFree;
      nics_.set(std::make_shared<const Nic>(std::move(nic)));
    }
  }
  void set_segment(std::vector<Mac> gateways) {
    Segment segment;
    segment.vni = Vni{7};
    segment.ports = {kWeb, kDb, kFree};
    segment.gateways = std::move(gateways);
    segments_.set(std::make_shared<const Segment>(std::move(segment)));
  }
  std::string out_of(const std::string& text, PortId port) {
    const auto packet = make_parsed(text, Vni{7});
    packet->in_port = port;
    packet->segment = 0;
    Claims::Trace trace{};
    const auto out = claims_brick_(*packet, &trace);
    note_ = Claims::format(trace);
    return Claims::kOuts[static_cast<size_t>(out)].name;
  }
  static std::string question(PortId port) {
    return "eth(src=52:54:00:00:00:0" + std::to_string(port.value) +
           ", dst=33:33:ff:00:00:aa)/ipv6(src=::, dst=ff02::1:ff00:aa)/nd_ns(target=fe80::aa)";
  }
  ClaimTable::Standing standing(PortId port) {
    return claims_.standing(*nics_.find(port), IpAddress::parse("fe80::aa")->v6(), 4, lcore_.now());
  }
  void wait(uint32_t ms) { lcore_.set_now(lcore_.now() + ms); }

  SegmentTable segments_;
  NicTable nics_;
  ClaimTable claims_;
  Lcore lcore_{0, test::pool()};
  Claims claims_brick_{segments_, nics_, claims_, 4, lcore_};
  std::string note_;
};

using Standing = ClaimTable::Standing;
const std::string kObjection =
    "eth(src=52:54:00:00:00:99, dst=33:33:00:00:00:01)/ipv6(src=fe80::aa, dst=ff02::1)/"
    "nd_na(target=fe80::aa, override=1)";

TEST_F(ClaimsTest, WhoAsksFirstHasIt) {
  EXPECT_EQ(out_of(question(kWeb), kWeb), "on");
  EXPECT_EQ(note_, "asks for fe80::aa");
  EXPECT_EQ(out_of(question(kDb), kDb), "taken");
  wait(1'000);
  EXPECT_EQ(standing(kWeb), Standing::held);
  EXPECT_EQ(standing(kDb), Standing::none);
}

TEST_F(ClaimsTest, ObjectionsComeFromPeersAndFromThoseWhoAreNotHeldToAnything) {
  for (const PortId from : {kUplinkPort, kFree}) {
    EXPECT_EQ(out_of(question(kWeb), kWeb), "on");
    EXPECT_EQ(standing(kWeb), Standing::claimed);
    EXPECT_EQ(out_of(kObjection, from), "on");
    EXPECT_EQ(note_, "has fe80::aa");
    EXPECT_EQ(standing(kWeb), Standing::none);
    EXPECT_EQ(out_of(question(kWeb), kWeb), "taken");
    wait(ClaimTable::kElsewhereMs);
    EXPECT_EQ(out_of(question(kWeb), kWeb), "on");
    EXPECT_EQ(out_of(question(kUplinkPort), from), "on") << "it is about to take it as well";
    EXPECT_EQ(standing(kWeb), Standing::none);
    wait(ClaimTable::kElsewhereMs);
  }
}

TEST_F(ClaimsTest, WhatIsNoQuestionForAnAddressClaimsNothing) {
  for (const char* text :
       {"eth/ipv6(src=fd00::1)/nd_ns(target=fe80::aa)", "eth/ipv6(src=::)/nd_ns(target=fd00::aa)",
        "eth/ipv6(src=::)/nd_ns(target=fe80::5054:ff:fe00:1)", "eth/ipv6(src=fe80::aa)/nd_rs",
        "eth/ipv6(src=fe80::aa)/udp", "eth/arp", "eth/ipv4/udp",
        "eth/ipv6(src=fe80::aa)/nd_na(target=fe80::aa)"}) {
    EXPECT_EQ(out_of(text, kWeb), "on") << text;
    EXPECT_EQ(standing(kWeb), Standing::none) << text;
  }
}

TEST_F(ClaimsTest, WhereOthersWouldNotHearItNothingIsClaimed) {
  set_segment({Mac::from_u64(0x525400000002)});
  EXPECT_EQ(out_of(question(kWeb), kWeb), "unheard");
  EXPECT_EQ(standing(kWeb), Standing::none);
  EXPECT_EQ(out_of(question(kDb), kDb), "on") << "everybody hears the gateway";
  EXPECT_EQ(standing(kDb), Standing::claimed);
}

TEST_F(ClaimsTest, SwitchedOffNothingIsClaimed) {
  Claims off(segments_, nics_, claims_, 0, lcore_);
  const auto packet = make_parsed(question(kWeb), Vni{7});
  packet->in_port = kWeb;
  EXPECT_EQ(off(*packet, nullptr), Claims::Out::on);
  EXPECT_EQ(standing(kWeb), Standing::none);
}

}  // namespace
}  // namespace butterfly
