// SPDX-License-Identifier: Apache-2.0
#include "tables/prefix_rules.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "tables/ruleset.h"

namespace butterfly {
namespace {

// Prefixes of one family, each with a rule for every service whose id is the prefix.
template <typename Number>
class World {
 public:
  void put(const Cidr& prefix) {
    if (owned_.contains(prefix)) return;
    Rule& rule = rules_.emplace_back();
    rule.id = prefix.to_string();
    owned_[prefix] = &rule;
    change(prefix, {{}, {{kEveryService, &rule}}});
  }
  void take(const Cidr& prefix) {
    change(prefix, {{owned_.at(prefix)}, {}});
    owned_.erase(prefix);
  }
  // Ids of the prefixes around the address, in the order in which they are offered.
  std::vector<std::string> around(const IpAddress& address) const {
    std::vector<std::string> seen;
    index_.find(number_of<Number>(address), 0, [&](const Rule* rule) {
      seen.push_back(rule->id);
      return false;
    });
    return seen;
  }
  // The same by a look at each.
  std::vector<std::string> wanted(const IpAddress& address) const {
    std::map<unsigned, std::string, std::greater<>> by_length;
    for (const auto& [prefix, rule] : owned_) {
      if (prefix.contains(address)) by_length[prefix.length()] = rule->id;
    }
    std::vector<std::string> ids;
    for (const auto& [length, id] : by_length) ids.push_back(id);
    return ids;
  }
  const std::map<Cidr, const Rule*>& all() const { return owned_; }

 private:
  void change(const Cidr& prefix, ServiceEdit edit) {
    typename PrefixRules<Number>::Edits edits;
    edits[prefix] = std::move(edit);
    index_ = index_.edited(std::move(edits));
  }
  std::deque<Rule> rules_;
  std::map<Cidr, const Rule*> owned_;
  PrefixRules<Number> index_;
};

TEST(PrefixRules, EveryLengthOfIpv4AroundOneAddressIsOfferedLongestFirst) {
  World<Number4> world;
  const IpAddress address = Ipv4{{255, 255, 255, 255}};
  for (unsigned length = 0; length <= 32; ++length) world.put(Cidr(address, length));
  EXPECT_EQ(world.around(address).size(), 33u);
  EXPECT_EQ(world.around(address), world.wanted(address));
  EXPECT_EQ(world.around(Ipv4{{0, 0, 0, 0}}), std::vector<std::string>{"0.0.0.0/0"});
}

TEST(PrefixRules, EveryLengthOfIpv6AroundOneAddressIsOfferedLongestFirst) {
  World<Number6> world;
  const IpAddress address = *IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (unsigned length = 0; length <= 128; ++length) world.put(Cidr(address, length));
  EXPECT_EQ(world.around(address).size(), 129u);
  EXPECT_EQ(world.around(address), world.wanted(address));
  EXPECT_EQ(world.around(*IpAddress::parse("::1")), std::vector<std::string>{"::/0"});
}

TEST(PrefixRules, NeighboursDoNotContainOneAnother) {
  World<Number4> world;
  for (const char* prefix : {"10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.0.0/23"}) {
    world.put(*Cidr::parse(prefix));
  }
  EXPECT_EQ(world.around(*IpAddress::parse("10.0.1.7")),
            (std::vector<std::string>{"10.0.1.0/24", "10.0.0.0/23"}));
  EXPECT_EQ(world.around(*IpAddress::parse("10.0.2.7")), std::vector<std::string>{"10.0.2.0/24"});
  EXPECT_TRUE(world.around(*IpAddress::parse("10.0.3.0")).empty());
}

// They come and go in any order; few bits differ, so that most lie in others.
template <typename Number, typename Make>
void compare_histories(unsigned longest, const Make& make) {
  std::mt19937 dice(11);
  World<Number> world;
  for (int step = 0; step < 2000; ++step) {
    if (world.all().size() > 60 || (dice() % 3 == 0 && !world.all().empty())) {
      auto some = world.all().begin();
      std::advance(some, dice() % world.all().size());
      world.take(Cidr(some->first));
    } else {
      world.put(Cidr(make(dice()), static_cast<unsigned>(dice()) % (longest + 1)));
    }
    for (int i = 0; i < 5; ++i) {
      const IpAddress address = make(dice());
      ASSERT_EQ(world.around(address), world.wanted(address)) << address.to_string();
    }
  }
}

TEST(PrefixRules, OfferWhatALookAtEachPrefixFinds) {
  compare_histories<Number4>(32, [](uint64_t random) -> IpAddress {
    return Ipv4::from_u32(static_cast<uint32_t>(random) & 0xc000'3007);
  });
  compare_histories<Number6>(128, [](uint64_t random) -> IpAddress {
    Ipv6 address{{static_cast<uint8_t>(0x80 | (random & 1))}};
    address.bytes[7] = static_cast<uint8_t>(random >> 8 & 3);
    address.bytes[15] = static_cast<uint8_t>(random >> 16 & 7);
    return address;
  });
}

}  // namespace
}  // namespace butterfly
