// SPDX-License-Identifier: Apache-2.0
#include "tables/address_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace butterfly {
namespace {

using Members = std::vector<AddressSet::Member>;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
AddressSet::Member member(uint32_t vni, const char* text) { return {Vni{vni}, *Cidr::parse(text)}; }

TEST(AddressSet, WhatTwoNicsHaveStaysUntilBothAreGone) {
  AddressSet set({member(7, "10.0.0.9"), member(7, "10.0.0.9"), member(7, "fd00::9")});
  EXPECT_EQ(set.members().size(), 2u);
  set.edit({member(7, "10.0.0.9")}, {});
  EXPECT_TRUE(set.contains(Vni{7}, ip("10.0.0.9")));
  set.edit({member(7, "10.0.0.9")}, {});
  EXPECT_FALSE(set.contains(Vni{7}, ip("10.0.0.9")));
  EXPECT_TRUE(set.contains(Vni{7}, ip("fd00::9")));
}

TEST(AddressSet, WhatIsListedStaysWhenTheNicGoes) {
  AddressSet set({member(7, "10.0.0.9"), member(0, "10.0.0.9")});
  set.edit({member(7, "10.0.0.9")}, {});
  EXPECT_TRUE(set.contains(Vni{7}, ip("10.0.0.9")));
  EXPECT_TRUE(set.contains(Vni{8}, ip("10.0.0.9")));
}

TEST(AddressSet, APrefixIsThereBesideThoseInsideIt) {
  AddressSet set({member(0, "10.0.0.0/8"), member(0, "10.1.0.0/16"), member(0, "10.1.2.3")});
  set.edit({member(0, "10.0.0.0/8")}, {});
  EXPECT_TRUE(set.contains(Vni{1}, ip("10.1.9.9")));
  EXPECT_FALSE(set.contains(Vni{1}, ip("10.2.0.1")));
  set.edit({member(0, "10.1.0.0/16")}, {});
  EXPECT_FALSE(set.contains(Vni{1}, ip("10.1.9.9")));
  EXPECT_TRUE(set.contains(Vni{1}, ip("10.1.2.3")));
}

TEST(AddressSet, EverybodyOfOneFamilyIsNobodyOfTheOther) {
  const AddressSet four({member(0, "0.0.0.0/0")});
  EXPECT_TRUE(four.contains(Vni{1}, ip("255.255.255.254")));
  EXPECT_FALSE(four.contains(Vni{1}, ip("fd00::1")));
  const AddressSet six({member(0, "::/0")});
  EXPECT_TRUE(six.contains(Vni{1}, ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  EXPECT_FALSE(six.contains(Vni{1}, ip("10.0.0.1")));
}

TEST(AddressSet, ACopyStaysAsItWas) {
  AddressSet set;
  for (uint32_t i = 0; i < 5000; ++i) {
    set.edit({}, {{Vni{1}, Cidr(Ipv4::from_u32(0x0a000000 + i), 32)}});
  }
  const AddressSet before = set;
  set.edit({member(1, "10.0.0.9")}, {member(1, "192.0.2.1"), member(0, "fd00::/16")});
  EXPECT_TRUE(before.contains(Vni{1}, ip("10.0.0.9")));
  EXPECT_FALSE(before.contains(Vni{1}, ip("192.0.2.1")));
  EXPECT_FALSE(before.contains(Vni{1}, ip("fd00::1")));
  EXPECT_EQ(before.members().size(), 5000u);
  EXPECT_EQ(set.members().size(), 5001u);
}

// Few addresses, so that prefixes lie in one another and members come twice.
TEST(AddressSet, HoldsWhatALookAtEachMemberFinds) {
  std::mt19937 dice(5);
  const auto below = [&](unsigned limit) { return static_cast<unsigned>(dice() % limit); };
  const auto address = [&]() -> IpAddress {
    const auto last = static_cast<uint8_t>(below(16));
    if (below(2)) return Ipv4{{10, 0, static_cast<uint8_t>(below(2)), last}};
    Ipv6 v6{{0xfd}};
    v6.bytes[13] = static_cast<uint8_t>(below(2));
    v6.bytes[15] = last;
    return v6;
  };
  AddressSet set;
  Members all;
  for (int step = 0; step < 3000; ++step) {
    Members gone;
    Members came;
    for (unsigned i = below(3); i > 0 && !all.empty(); --i) {
      const size_t at = below(static_cast<unsigned>(all.size()));
      gone.push_back(all[at]);
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
    }
    for (unsigned i = below(4); i > 0; --i) {
      AddressSet::Member one{Vni{below(3)}, Cidr(address(), 128)};
      if (below(2)) one = {Vni{0}, Cidr(address(), below(129))};
      const bool may_repeat = one.vni.value != 0;
      if (!may_repeat && std::ranges::find(all, one) != all.end()) continue;
      all.push_back(one);
      came.push_back(one);
    }
    set.edit(gone, came);
    for (int i = 0; i < 20; ++i) {
      const Vni vni{1 + below(2)};
      const IpAddress asked = address();
      const bool wanted = std::ranges::any_of(all, [&](const AddressSet::Member& one) {
        return (one.vni.value == 0 || one.vni == vni) && one.prefix.contains(asked);
      });
      ASSERT_EQ(set.contains(vni, asked), wanted) << asked.to_string() << " at " << step;
    }
    while (all.size() > 40) {
      set.edit({all.back()}, {});
      all.pop_back();
    }
  }
}

}  // namespace
}  // namespace butterfly
