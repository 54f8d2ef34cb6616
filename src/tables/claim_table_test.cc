// SPDX-License-Identifier: Apache-2.0
#include "tables/claim_table.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

using Claim = ClaimTable::Claim;
using Standing = ClaimTable::Standing;

constexpr uint32_t kLimit = 2;

Ipv6 ip(std::string_view text) { return IpAddress::parse(text)->v6(); }

// Three nics on one segment, the third on another.
class ClaimTableTest : public ::testing::Test {
 protected:
  ClaimTableTest() {
    add(1, 7);
    add(2, 7);
    add(3, 8);
    segment_.vni = Vni{7};
    segment_.ports = {PortId{1}, PortId{2}};
    other_.vni = Vni{8};
    other_.ports = {PortId{3}};
  }
  void add(uint16_t number, uint32_t vni, uint64_t life = 1) {
    Nic nic;
    nic.port = PortId{number};
    nic.serial = NicSerial{life * 100 + number};
    nic.vni = Vni{vni};
    nic.mac = Mac::from_u64(0x525400000000 + number);
    nic.addresses = {*IpAddress::parse("fe80::1:" + std::to_string(number))};
    nics_.set(std::make_shared<const Nic>(std::move(nic)));
  }
  const Nic& nic(uint16_t number) { return *nics_.find(PortId{number}); }
  Claim claim(uint16_t number, const char* address, uint32_t limit = kLimit) {
    return claims_.claim(nic(number), number == 3 ? other_ : segment_, nics_, ip(address), limit,
                         now_);
  }
  Standing standing(uint16_t number, const char* address, uint32_t limit = kLimit) {
    return claims_.standing(nic(number), ip(address), limit, now_);
  }
  void wait(uint32_t ms) { now_ += ms; }

  NicTable nics_;
  Segment segment_, other_;
  ClaimTable claims_;
  TimeMs now_ = 5'000;
};

TEST_F(ClaimTableTest, OnlyWhatIsNotMadeOfAMacMayBeClaimed) {
  EXPECT_TRUE(is_claimable(ip("fe80::1")));
  EXPECT_TRUE(is_claimable(ip("fe80::a1b2:c3d4:e5f6:0718")));
  EXPECT_FALSE(is_claimable(ip("fe80::5054:ff:fe00:9")));
  EXPECT_FALSE(is_claimable(ip("fe80::")));
  EXPECT_FALSE(is_claimable(ip("fe80:0:0:1::1")));
  EXPECT_FALSE(is_claimable(ip("febf::1")));
  EXPECT_FALSE(is_claimable(ip("fd00::1")));
  EXPECT_FALSE(is_claimable(ip("::")));
}

TEST_F(ClaimTableTest, AnAddressIsHeldWhenTheTimeForObjectionsIsOver) {
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::none);
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::made);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::claimed);
  wait(ClaimTable::kObjectionsMs - 1);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::claimed);
  wait(1);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::held);
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::made) << "asked again, it stays";
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::held);
  wait(~0U - 100);  // all around the clock
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::held);
}

TEST_F(ClaimTableTest, AnAddressHasOneOwnerOnASegment) {
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::made);
  EXPECT_EQ(claim(2, "fe80::aa"), Claim::taken) << "while it is claimed";
  wait(ClaimTable::kObjectionsMs);
  EXPECT_EQ(claim(2, "fe80::aa"), Claim::taken) << "when it is held";
  EXPECT_EQ(standing(2, "fe80::aa"), Standing::none);
  EXPECT_EQ(claim(2, "fe80::1:1"), Claim::taken) << "an address by intent";
  EXPECT_EQ(claim(3, "fe80::aa"), Claim::made) << "another segment";
}

TEST_F(ClaimTableTest, WhatIntentPlacesElsewhereIsTaken) {
  auto hosts = std::make_shared<Segment::Hosts>();
  hosts->push_back({ip("fe80::bb"), Mac::from_u64(0x525400000099)});
  hosts->push_back({ip("fe80::cc"), nic(1).mac});
  segment_.hosts = hosts;
  EXPECT_EQ(claim(1, "fe80::bb"), Claim::taken);
  EXPECT_EQ(claim(1, "fe80::cc"), Claim::made);
}

TEST_F(ClaimTableTest, WhoObjectsInTimeIsHeard) {
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::made);
  wait(ClaimTable::kObjectionsMs - 1);
  claims_.object(segment_, ip("fe80::aa"), now_);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::none);
  wait(5'000);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::none);
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::taken) << "it is still remembered";
  EXPECT_EQ(claim(2, "fe80::aa"), Claim::taken) << "whoever asks";
  EXPECT_EQ(claim(3, "fe80::aa"), Claim::made) << "another segment";
  wait(5'000);
  EXPECT_EQ(claim(2, "fe80::aa"), Claim::made);
}

TEST_F(ClaimTableTest, WhoObjectsLateOrElsewhereTakesNothingAway) {
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::made);
  claims_.object(other_, ip("fe80::aa"), now_);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::claimed);
  wait(ClaimTable::kObjectionsMs);
  claims_.object(segment_, ip("fe80::aa"), now_);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::held);
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::made);
}

TEST_F(ClaimTableTest, TheNewestCountAndTheOldestGivesWay) {
  for (const char* address : {"fe80::a1", "fe80::a2", "fe80::a3"}) {
    EXPECT_EQ(claim(1, address), Claim::made);
    wait(ClaimTable::kObjectionsMs);
  }
  EXPECT_EQ(standing(1, "fe80::a1"), Standing::none);
  EXPECT_EQ(standing(1, "fe80::a2"), Standing::held);
  EXPECT_EQ(standing(1, "fe80::a3"), Standing::held);
  EXPECT_EQ(claim(2, "fe80::a1"), Claim::made) << "it is free again";
}

TEST_F(ClaimTableTest, ALowerLimitCountsAtOnceButGivesNothingToOthers) {
  EXPECT_EQ(claim(1, "fe80::a1"), Claim::made);
  EXPECT_EQ(claim(1, "fe80::a2"), Claim::made);
  wait(ClaimTable::kObjectionsMs);
  EXPECT_EQ(standing(1, "fe80::a2", 1), Standing::none);
  EXPECT_EQ(claim(2, "fe80::a2", 1), Claim::taken);
  EXPECT_EQ(standing(1, "fe80::a1", 0), Standing::none);
}

TEST_F(ClaimTableTest, ANicMadeAgainOrMovedHoldsNothing) {
  EXPECT_EQ(claim(1, "fe80::aa"), Claim::made);
  EXPECT_EQ(claim(2, "fe80::bb"), Claim::made);
  wait(ClaimTable::kObjectionsMs);
  add(1, 7, 2);
  EXPECT_EQ(standing(1, "fe80::aa"), Standing::none);
  EXPECT_EQ(claim(2, "fe80::aa"), Claim::made);
  add(2, 8);
  EXPECT_EQ(standing(2, "fe80::bb"), Standing::none) << "on another segment it may be another's";
}

}  // namespace
}  // namespace butterfly
