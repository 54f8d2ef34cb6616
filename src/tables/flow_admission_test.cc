// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_admission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace butterfly {
namespace {

constexpr AccountKey kWeb{PortId{1}, 11, 0, Vni{7}};
constexpr AccountKey kDb{PortId{2}, 12, 0, Vni{7}};
constexpr AccountKey kElse{PortId{3}, 13, 1, Vni{8}};
constexpr TimeMs kStart = 1'000'000;

struct Limit {
  Knob knob;
  uint32_t value;
};

// One lcore of a host, or one of two.
class Lcores : public ::testing::Test {
 protected:
  struct Lcore {
    Lcore(uint32_t capacity, const std::vector<const FlowAccounts*>& all, FlowRates& rates)
        : flows(capacity, wire::HashSeed{{1, 2}}), admission(flows, all, rates) {}
    FlowTable flows;
    FlowAdmission admission;
  };

  FlowAdmission& add_lcore(uint32_t capacity = 1000) {
    lcores_.push_back(std::make_unique<Lcore>(capacity, all_, rates_));
    all_.push_back(&lcores_.back()->flows.accounts());
    return lcores_.back()->admission;
  }
  void limit(std::vector<Limit> limits, uint32_t nics = 3) {
    FirewallSettings settings;
    for (const auto& [knob, value] : limits) settings.set(knob, value);
    for (auto& lcore : lcores_) lcore->admission.set_limits(settings, nics);
  }
  FlowTable& flows(size_t lcore = 0) { return lcores_[lcore]->flows; }
  void settle() {
    for (auto& lcore : lcores_) lcore->admission.settle();
  }

  // As record does it. The flow, if it was admitted.
  Flow* begin(const AccountKey& key, bool is_tcp, size_t lcore = 0) {
    last_ = lcores_[lcore]->admission.admit(key, is_tcp, now_);
    if (last_ != Admission::ok) return nullptr;
    const wire::FlowKey number{{++made_, 1}};
    const wire::FlowId id = flows(lcore).hasher().id_of(number, wire::Family::v4);
    Flow* flow =
        flows(lcore).insert(number, wire::Family::v4, id, flows(lcore).hasher().hash_of(id), now_);
    if (!flow) return nullptr;
    flow->timeout = is_tcp ? TimeoutClass::tcp_new : TimeoutClass::udp_new;
    flows(lcore).begin_account(*flow, NicVerdict{key.serial, 1, 0}, {}, key);
    return flow;
  }
  // How many of `count` begin.
  int begin_many(int count, const AccountKey& key, bool is_tcp, size_t lcore = 0) {
    int begun = 0;
    for (int i = 0; i < count; ++i) begun += begin(key, is_tcp, lcore) != nullptr;
    settle();
    return begun;
  }
  void establish(Flow& flow, size_t lcore = 0) {
    flow.timeout = TimeoutClass::tcp_established;
    flows(lcore).note_progress(flow);
  }
  uint32_t count_of(const AccountKey& key, size_t lcore = 0) {
    return flows(lcore).accounts().of_nic(key).flows;
  }

  TimeMs now_ = kStart;
  Admission last_ = Admission::ok;
  uint64_t made_ = 0;
  FlowRates rates_;
  std::vector<const FlowAccounts*> all_;
  std::vector<std::unique_ptr<Lcore>> lcores_;
};

TEST_F(Lcores, WithoutLimitsEverythingBegins) {
  add_lcore();
  limit({});
  EXPECT_EQ(begin_many(500, kWeb, false), 500);
}

TEST_F(Lcores, ANicHasItsLimitAndOthersTheirs) {
  add_lcore();
  limit({{Knob::nic_connections, 10}});
  EXPECT_EQ(begin_many(20, kWeb, false), 10);
  EXPECT_EQ(last_, Admission::nic_flows);
  EXPECT_EQ(begin_many(20, kDb, false), 10);
  EXPECT_EQ(begin_many(20, AccountKey{}, false), 20);  // nobody's
}

TEST_F(Lcores, WhatEndsMakesRoom) {
  add_lcore();
  limit({{Knob::nic_connections, 2}});
  Flow* first = begin(kWeb, false);
  EXPECT_EQ(begin_many(5, kWeb, false), 1);
  flows().erase(*first);
  EXPECT_EQ(begin_many(5, kWeb, false), 1);
  now_ += 60'000;  // all have expired
  while (flows().size() != 0) flows().sweep(now_, 1000);
  EXPECT_EQ(begin_many(5, kWeb, false), 2);
}

TEST_F(Lcores, ASegmentHasItsLimitForAllItsNics) {
  add_lcore();
  limit({{Knob::segment_connections, 10}});
  EXPECT_EQ(begin_many(6, kWeb, false), 6);
  EXPECT_EQ(begin_many(6, kDb, false), 4);
  EXPECT_EQ(last_, Admission::segment_flows);
  EXPECT_EQ(begin_many(6, kElse, false), 6);
}

TEST_F(Lcores, TheOldestHalfOpenOneMakesWay) {
  add_lcore();
  limit({{Knob::nic_half_open, 3}});
  std::vector<Flow*> begun;
  for (int i = 0; i < 3; ++i) begun.push_back(begin(kWeb, true));
  EXPECT_NE(begin(kWeb, true), nullptr);
  EXPECT_TRUE(begun[0]->is_live);  // packets of this round may still look at it
  settle();
  EXPECT_FALSE(begun[0]->is_live);
  EXPECT_TRUE(begun[1]->is_live);
  EXPECT_EQ(count_of(kWeb), 3u);
  EXPECT_EQ(flows().size(), 3u);
  EXPECT_EQ(lcores_[0]->admission.evicted(), 1u);
  establish(*begun[1]);
  EXPECT_NE(begin(kWeb, true), nullptr);  // the handshake that was completed counts no more
  settle();
  EXPECT_TRUE(begun[1]->is_live && begun[2]->is_live);
}

TEST_F(Lcores, EstablishedOnesStayAndNewOnesAreRefused) {
  add_lcore();
  limit({{Knob::nic_connections, 3}});
  for (int i = 0; i < 3; ++i) establish(*begin(kWeb, true));
  EXPECT_EQ(begin(kWeb, true), nullptr);
  EXPECT_EQ(last_, Admission::nic_flows);
  settle();
  EXPECT_EQ(flows().size(), 3u);
}

TEST_F(Lcores, WhoCompletesItsHandshakeInTheRoundThatWouldHaveEndedItStays) {
  add_lcore();
  limit({{Knob::nic_half_open, 1}});
  Flow* first = begin(kWeb, true);
  EXPECT_NE(begin(kWeb, true), nullptr);
  establish(*first);
  settle();
  EXPECT_TRUE(first->is_live);
  EXPECT_EQ(count_of(kWeb), 2u);
  flows().erase(*first);
  EXPECT_EQ(count_of(kWeb), 1u);
}

TEST_F(Lcores, OnlyTheNicsOwnMakeWay) {
  add_lcore();
  limit({{Knob::segment_half_open, 2}});
  Flow* other = begin(kDb, true);
  Flow* own = begin(kWeb, true);
  EXPECT_NE(begin(kWeb, true), nullptr);
  settle();
  EXPECT_TRUE(other->is_live);
  EXPECT_FALSE(own->is_live);
  limit({{Knob::segment_half_open, 1}});
  EXPECT_EQ(begin({PortId{4}, 14, 0, Vni{7}}, true), nullptr);
  EXPECT_EQ(last_, Admission::segment_half_open);
}

TEST_F(Lcores, SoManyASecondBegin) {
  add_lcore();
  limit({{Knob::nic_new_per_s, 10}, {Knob::segment_new_per_s, 15}});
  EXPECT_EQ(begin_many(50, kWeb, false), 11);  // a second's worth at once, and one
  EXPECT_EQ(last_, Admission::nic_rate);
  EXPECT_EQ(begin_many(6, kDb, false), 5);
  EXPECT_EQ(last_, Admission::segment_rate);
  now_ += 200;
  EXPECT_EQ(begin_many(50, kWeb, false), 2);
  EXPECT_EQ(begin_many(50, kElse, false), 11);
}

// Whatever one nic does, each of the others finds its part of the last eighth.
TEST_F(Lcores, NobodyIsKeptFromItsShareOfTheTable) {
  add_lcore(800);
  limit({}, /*nics=*/3);
  const int share = 100 / 4;
  EXPECT_EQ(begin_many(2000, kWeb, false), 700);
  EXPECT_EQ(last_, Admission::share);
  EXPECT_EQ(begin_many(2000, kDb, false), share);
  EXPECT_EQ(begin_many(2000, kElse, false), share);
  EXPECT_EQ(begin_many(2000, AccountKey{}, false), share);
  // A flood of SYNs goes on at its own cost.
  EXPECT_EQ(begin_many(2000, kDb, true), 0);
  EXPECT_EQ(flows().size(), 700u + 3 * share);
}

TEST_F(Lcores, LimitsHoldForAllLcoresTogether) {
  add_lcore();
  add_lcore();
  limit({{Knob::nic_connections, 10}, {Knob::segment_connections, 12}});
  EXPECT_EQ(begin_many(6, kWeb, false, 0), 6);
  EXPECT_EQ(begin_many(6, kWeb, false, 1), 4);
  EXPECT_EQ(begin_many(6, kDb, false, 1), 2);
}

TEST_F(Lcores, AnotherLifeAndAnotherSegmentBeginAtNothing) {
  add_lcore();
  limit({{Knob::nic_connections, 4}, {Knob::segment_connections, 8}});
  Flow* old = begin(kWeb, true);
  EXPECT_EQ(begin_many(5, kWeb, false), 4);  // the half-open one makes way
  AccountKey next = kWeb;
  next.serial = 99;
  EXPECT_EQ(begin_many(5, next, false), 4);
  EXPECT_EQ(count_of(kWeb), 0u);
  EXPECT_EQ(flows().accounts().of_segment(kWeb).flows, 4u);
  if (old->is_live) flows().erase(*old);
  EXPECT_EQ(count_of(next), 4u);
  // The slot of the segment goes to another one.
  const AccountKey reused{PortId{5}, 55, 0, Vni{9}};
  EXPECT_EQ(begin_many(9, reused, false), 4);
  EXPECT_EQ(flows().accounts().of_segment(reused).flows, 4u);
}

TEST_F(Lcores, WhatWasImportedNeedsRoomAndMakesNobodyGo) {
  FlowAdmission& admission = add_lcore();
  limit({{Knob::nic_half_open, 1}, {Knob::nic_new_per_s, 1}});
  begin(kWeb, true);
  EXPECT_EQ(admission.admit_grown(kWeb, true), Admission::nic_half_open);
  EXPECT_EQ(admission.admit_grown(kWeb, false), Admission::ok);
}

// Against counting by hand, over random beginnings, handshakes, ends, and changes of owner.
TEST_F(Lcores, CountsAndOrderAgreeWithAMap) {
  add_lcore(4096);
  limit({}, 4);
  std::mt19937 random(1);
  struct Known {
    AccountKey key;
    bool half_open;
  };
  std::map<Flow*, Known> known;
  std::vector<Flow*> order;  // of all that were begun
  const std::array<AccountKey, 4> keys{kWeb, kDb, kElse, AccountKey{}};
  const auto pick = [&] {
    auto it = known.begin();
    std::advance(it, static_cast<long>(random() % known.size()));
    return it;
  };
  for (int step = 0; step < 20'000; ++step) {
    const unsigned what = random() % 8;
    if (known.empty() || (what < 4 && known.size() < 500)) {
      const AccountKey& key = keys[random() % keys.size()];
      const bool is_tcp = random() % 2 == 0;
      Flow* flow = begin(key, is_tcp);
      ASSERT_NE(flow, nullptr);
      known[flow] = {key, is_tcp};
      order.push_back(flow);
    } else if (what < 6) {
      const auto it = pick();
      order.erase(std::find(order.begin(), order.end(), it->first));
      flows().erase(*it->first);
      known.erase(it);
    } else if (what == 6) {
      const auto it = pick();
      establish(*it->first);
      it->second.half_open = false;
    } else {
      // Taken over by another nic: as its youngest.
      const auto it = pick();
      const AccountKey& key = keys[random() % 3];
      if (it->second.key.serial == key.serial) continue;
      flows().set_verdict(*it->first, Role::initiator, NicVerdict{key.serial, 1, 0}, key);
      it->second.key = key;
      order.erase(std::find(order.begin(), order.end(), it->first));
      order.push_back(it->first);
    }
    for (const AccountKey& key : keys) {
      uint32_t count = 0;
      uint32_t half_open = 0;
      Flow* oldest = nullptr;
      for (Flow* flow : order) {
        const Known& it = known.at(flow);
        if (it.key.serial != key.serial) continue;
        ++count;
        half_open += it.half_open;
        if (it.half_open && !oldest) oldest = flow;
      }
      const FlowAccounts& accounts = flows().accounts();
      ASSERT_EQ(accounts.of_nic(key).flows, count);
      ASSERT_EQ(accounts.of_nic(key).half_open, half_open);
      const uint32_t entry = accounts.oldest_half_open(key);
      ASSERT_EQ(entry == FlowAccounts::kNone ? nullptr : &flows().at(entry), oldest);
    }
    uint32_t in_segment = 0;
    for (const auto& [flow, it] : known) in_segment += it.key.vni == Vni{7};
    ASSERT_EQ(flows().accounts().of_segment(kWeb).flows, in_segment);
  }
}

TEST_F(Lcores, AHalfOpenFlowKeepsWhatItsInitiatorSent) {
  add_lcore();
  limit({});
  Flow& flow = *begin(kWeb, true);
  for (int i = 0; i < 100'000; ++i) flows().count(flow, Role::initiator, 100);
  for (int i = 0; i < 3; ++i) flows().count(flow, Role::responder, 60);
  begin(kWeb, true);
  establish(flow);
  flows().count(flow, Role::responder, 60);
  EXPECT_EQ(flows().tally(flow, Role::initiator).packets, 100'000u);
  EXPECT_EQ(flows().tally(flow, Role::initiator).bytes, 10'000'000u);
  EXPECT_EQ(flows().tally(flow, Role::responder).packets, 4u);
}

}  // namespace
}  // namespace butterfly
