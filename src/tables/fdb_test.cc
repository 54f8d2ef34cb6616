// SPDX-License-Identifier: Apache-2.0
#include "tables/fdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace butterfly {
namespace {

using Learnt = Fdb::Learnt;
using testing::ElementsAre;
using testing::SizeIs;

constexpr uint32_t kAgeing = 300'000;
constexpr Vni kRed{100};
constexpr Vni kBlue{200};
constexpr uint16_t kRedSegment = 1;
constexpr uint16_t kBlueSegment = 2;

Mac mac(uint64_t number) { return Mac::from_u64(0x520000000000 + number); }
Segment::Place local(uint16_t port) { return {PortId{port}, kNoPeer}; }
Segment::Place remote(uint16_t peer) { return {kUplinkPort, PeerId{peer}}; }

class FdbTest : public ::testing::Test {
 protected:
  Learnt learn(uint64_t number, Segment::Place place, TimeMs now = 0) {
    return fdb_.learn(kRed, kRedSegment, mac(number), place, now);
  }
  // "port 3", "peer 4" or "unknown".
  std::string where(uint64_t number, TimeMs now = 0, Vni vni = kRed) {
    const auto place = fdb_.find(vni, mac(number), now);
    if (!place) return "unknown";
    if (place->port == kUplinkPort) return "peer " + std::to_string(place->peer.value);
    return "port " + std::to_string(place->port.value);
  }
  Fdb fdb_{1024, {.ageing_ms = kAgeing, .per_segment = 100}};
};

TEST_F(FdbTest, AMacIsFoundWhereItWasLearnt) {
  EXPECT_EQ(where(1), "unknown");
  EXPECT_EQ(learn(1, local(3)), Learnt::learnt);
  EXPECT_EQ(learn(2, remote(3)), Learnt::learnt);
  EXPECT_EQ(learn(3, local(kMaxPorts - 1)), Learnt::learnt);
  EXPECT_EQ(learn(4, remote(kMaxPeers - 1)), Learnt::learnt);
  EXPECT_EQ(where(1), "port 3");
  EXPECT_EQ(where(2), "peer 3");
  EXPECT_EQ(where(3), "port 1279");
  EXPECT_EQ(where(4), "peer 4095");
  EXPECT_EQ(where(5), "unknown");
  EXPECT_EQ(fdb_.size(), 4u);
}

TEST_F(FdbTest, SegmentsDoNotSeeEachOthersMacs) {
  learn(1, local(3));
  // The same low 16 bits: told apart by the high ones.
  const Vni alike{kRed.value + 0x10000};
  EXPECT_EQ(where(1, 0, kBlue), "unknown");
  EXPECT_EQ(where(1, 0, alike), "unknown");
  fdb_.learn(alike, 3, mac(1), local(4), 0);
  fdb_.learn(Vni{kVniMax}, 4, mac(1), remote(5), 0);
  EXPECT_EQ(where(1), "port 3");
  EXPECT_EQ(where(1, 0, alike), "port 4");
  EXPECT_EQ(where(1, 0, Vni{kVniMax}), "peer 5");
}

TEST_F(FdbTest, AMacThatMovesIsFoundAtItsNewPlaceAtOnce) {
  learn(1, local(3), 0);
  EXPECT_EQ(learn(1, remote(3), 1), Learnt::moved);
  EXPECT_EQ(where(1, 1), "peer 3");
  EXPECT_EQ(learn(1, local(4), 2), Learnt::moved);
  EXPECT_EQ(where(1, 2), "port 4");
  EXPECT_EQ(fdb_.size(), 1u);
}

TEST_F(FdbTest, ItIsWrittenAgainOnlyAfterASecond) {
  learn(1, local(3), 10'000);
  EXPECT_EQ(learn(1, local(3), 10'000), Learnt::unchanged);
  EXPECT_EQ(learn(1, local(3), 11'000), Learnt::unchanged);
  EXPECT_EQ(learn(1, local(3), 11'001), Learnt::refreshed);
  EXPECT_EQ(learn(1, local(3), 11'500), Learnt::unchanged);
  // Another lcore, whose clock was read a little earlier.
  EXPECT_EQ(learn(1, local(3), 10'990), Learnt::unchanged);
}

TEST_F(FdbTest, AMacThatIsSilentForTheAgeingTimeIsForgotten) {
  const TimeMs start = 0xffff'0000;  // the clock wraps within the ageing time
  learn(1, local(3), start);
  EXPECT_EQ(where(1, start + kAgeing), "port 3");
  EXPECT_EQ(where(1, start + kAgeing + 1), "unknown");
  EXPECT_EQ(where(1, start - 5), "port 3") << "an lcore whose clock lags";
  EXPECT_EQ(learn(1, local(3), start + kAgeing + 1), Learnt::refreshed);
  EXPECT_EQ(where(1, start + kAgeing + 1), "port 3");
}

TEST_F(FdbTest, ZeroAndGroupAddressesAreNoStations) {
  // VNI 0x650000 has no low bits: with a zero MAC the key would be that of a free entry.
  EXPECT_EQ(fdb_.learn(Vni{0x650000}, 1, Mac{}, local(3), 0), Learnt::unfit);
  EXPECT_EQ(fdb_.learn(kRed, 1, Mac::broadcast(), local(3), 0), Learnt::unfit);
  EXPECT_FALSE(fdb_.find(Vni{0x650000}, Mac{}, 0));
  EXPECT_EQ(fdb_.size(), 0u);
}

TEST_F(FdbTest, ASegmentAtItsQuotaHurtsOnlyItself) {
  for (uint64_t i = 0; i < 100; ++i) ASSERT_EQ(learn(i, local(3)), Learnt::learnt) << i;
  EXPECT_EQ(learn(100, local(3)), Learnt::quota);
  EXPECT_EQ(where(100), "unknown");
  EXPECT_EQ(learn(7, local(4)), Learnt::moved) << "what is known may still move";
  EXPECT_EQ(fdb_.learn(kBlue, kBlueSegment, mac(100), local(5), 0), Learnt::learnt);
}

TEST_F(FdbTest, APortAtItsQuotaHurtsOnlyItself) {
  fdb_.set_limits({.ageing_ms = kAgeing, .per_port = 10});
  for (uint64_t i = 0; i < 10; ++i) ASSERT_EQ(learn(i, local(3)), Learnt::learnt) << i;
  EXPECT_EQ(learn(10, local(3)), Learnt::port_quota);
  EXPECT_EQ(learn(9, local(3)), Learnt::unchanged) << "what is known stays";
  EXPECT_EQ(learn(10, local(4)), Learnt::learnt);
  EXPECT_EQ(learn(10, local(3)), Learnt::port_quota) << "nor does one move there";
  EXPECT_EQ(where(10), "port 4");
  EXPECT_EQ(learn(11, remote(3)), Learnt::learnt) << "a peer is no port of ours";
  EXPECT_EQ(fdb_.size_of(PortId{3}), 10u);
  EXPECT_EQ(learn(0, local(4)), Learnt::moved);
  EXPECT_EQ(fdb_.size_of(PortId{3}), 9u);
  EXPECT_EQ(fdb_.size_of(PortId{4}), 2u);
  EXPECT_EQ(learn(12, local(3)), Learnt::learnt) << "which makes room";
  EXPECT_EQ(fdb_.forget_port(PortId{3}), 10u);
  EXPECT_EQ(fdb_.size_of(PortId{3}), 0u);
}

TEST_F(FdbTest, ALowerLimitForgetsNothing) {
  for (uint64_t i = 0; i < 10; ++i) learn(i, local(3));
  fdb_.set_limits({.ageing_ms = kAgeing, .per_port = 5, .per_segment = 5});
  EXPECT_EQ(learn(7, local(3), 2'000), Learnt::refreshed);
  EXPECT_EQ(learn(10, local(3)), Learnt::port_quota);
  EXPECT_EQ(learn(11, remote(3)), Learnt::quota);
  EXPECT_EQ(fdb_.size(), 10u);
  EXPECT_EQ(fdb_.counts().not_learnt, 1u) << "what its nic may not have is counted elsewhere";
}

TEST_F(FdbTest, AnAgeingTimeThatChangesCountsAtOnce) {
  learn(1, local(3), 0);
  fdb_.set_limits({.ageing_ms = 10'000});
  EXPECT_EQ(where(1, 10'000), "port 3");
  EXPECT_EQ(where(1, 10'001), "unknown");
  fdb_.set_limits({.ageing_ms = kAgeing});
  EXPECT_EQ(where(1, 10'001), "port 3") << "it was not swept meanwhile";
}

TEST_F(FdbTest, AMacThatMovesTooOftenStaysForAWhile) {
  fdb_.set_limits({.ageing_ms = kAgeing, .moves_per_s = 3, .hold_ms = 5'000});
  learn(1, local(3), 10'000);
  EXPECT_EQ(learn(1, local(4), 10'100), Learnt::moved);
  EXPECT_EQ(learn(1, local(3), 10'200), Learnt::moved);
  EXPECT_EQ(learn(1, local(4), 10'300), Learnt::moved);
  const uint64_t before = fdb_.moves();
  EXPECT_EQ(learn(1, local(3), 10'400), Learnt::held);
  EXPECT_EQ(learn(1, remote(3), 10'500), Learnt::held);
  EXPECT_EQ(where(1, 10'500), "port 4");
  EXPECT_EQ(fdb_.moves(), before) << "what rests on its place need not be asked again";
  EXPECT_EQ(learn(1, local(4), 12'000), Learnt::refreshed) << "where it is it may speak";
  EXPECT_EQ(learn(1, local(3), 15'399), Learnt::held);
  EXPECT_EQ(learn(1, local(3), 15'400), Learnt::moved) << "the time is over";
  EXPECT_EQ(fdb_.counts().moved, 4u);
  EXPECT_EQ(fdb_.counts().held, 1u);
}

TEST_F(FdbTest, MovesThatAreFarBetweenAreNotHeld) {
  fdb_.set_limits({.ageing_ms = kAgeing, .moves_per_s = 1, .hold_ms = 5'000});
  learn(1, local(3), 10'000);
  for (uint16_t i = 1; i < 10; ++i) {
    EXPECT_EQ(learn(1, local(static_cast<uint16_t>(3 + i % 2)), 10'000 + i * 1'000u),
              Learnt::moved);
  }
}

TEST_F(FdbTest, AMacThatIsHeldIsFreeWhenTheLimitGoes) {
  fdb_.set_limits({.ageing_ms = kAgeing, .moves_per_s = 1, .hold_ms = 50'000});
  learn(1, local(3), 10'000);
  learn(1, local(4), 10'010);
  EXPECT_EQ(learn(1, local(3), 10'020), Learnt::held);
  bool is_held = false;
  fdb_.for_each({}, 10'020, [&](const Fdb::Station& station) { return is_held = station.is_held; });
  EXPECT_TRUE(is_held);
  fdb_.set_limits({.ageing_ms = kAgeing});
  EXPECT_EQ(learn(1, local(3), 10'030), Learnt::moved);
}

TEST_F(FdbTest, SweepingGivesTheQuotaBack) {
  for (uint64_t i = 0; i < 100; ++i) learn(i, local(3), 0);
  learn(50, local(3), 200'000);
  EXPECT_EQ(learn(100, local(3), kAgeing + 1), Learnt::quota);
  uint32_t freed = 0;
  for (int i = 0; i < 32; ++i) freed += fdb_.sweep(kAgeing + 1, 32);  // 1,024 slots in all
  EXPECT_EQ(freed, 99u);
  EXPECT_EQ(fdb_.size(), 1u);
  EXPECT_EQ(where(50, kAgeing + 1), "port 3");
  EXPECT_EQ(learn(100, local(3), kAgeing + 1), Learnt::learnt);
}

TEST_F(FdbTest, APlaceThatGoesTakesItsMacsAlong) {
  for (uint64_t i = 0; i < 10; ++i) learn(i, local(3));
  for (uint64_t i = 10; i < 20; ++i) learn(i, remote(3));
  fdb_.learn(kBlue, kBlueSegment, mac(1), local(3), 0);
  EXPECT_EQ(fdb_.forget_peer(PeerId{4}), 0u);
  EXPECT_EQ(fdb_.forget_port(PortId{3}), 11u);
  EXPECT_EQ(where(1), "unknown");
  EXPECT_EQ(where(1, 0, kBlue), "unknown");
  EXPECT_EQ(where(10), "peer 3");
  EXPECT_EQ(fdb_.forget_port(kUplinkPort), 0u) << "what lies behind peers is theirs";
  EXPECT_EQ(fdb_.forget_peer(PeerId{3}), 10u);
  EXPECT_EQ(fdb_.size(), 0u);
}

TEST_F(FdbTest, ASegmentThatGoesTakesItsMacsAlong) {
  learn(1, local(3));
  learn(2, remote(3));
  fdb_.learn(Vni{kRed.value + 0x10000}, 3, mac(1), local(4), 0);
  EXPECT_EQ(fdb_.forget_segment(kRed), 2u);
  EXPECT_EQ(where(1), "unknown");
  EXPECT_EQ(where(1, 0, Vni{kRed.value + 0x10000}), "port 4");
}

// "1 at port 3, 5 ms" for each, sorted.
std::vector<std::string> listed(const Fdb& fdb, const Fdb::Filter& filter, TimeMs now) {
  std::vector<std::string> lines;
  fdb.for_each(filter, now, [&](const Fdb::Station& station) {
    const bool is_remote = station.place.port == kUplinkPort;
    lines.push_back(
        std::to_string(station.vni.value) + " " + std::to_string(station.mac.to_u64() & 0xff) +
        (is_remote ? " at peer " : " at port ") +
        std::to_string(is_remote ? station.place.peer.value : station.place.port.value) + ", " +
        std::to_string(station.age_ms) + " ms");
    return true;
  });
  std::ranges::sort(lines);
  return lines;
}

TEST_F(FdbTest, AListSaysWhereAndHowLongAgo) {
  learn(1, local(3), 1'000);
  learn(2, remote(3), 2'000);
  fdb_.learn(Vni{kRed.value + 0x10000}, 3, mac(1), local(4), 3'000);
  EXPECT_THAT(listed(fdb_, {}, 3'000),
              ElementsAre("100 1 at port 3, 2000 ms", "100 2 at peer 3, 1000 ms",
                          "65636 1 at port 4, 0 ms"));
  EXPECT_THAT(listed(fdb_, {}, 1'000 + kAgeing + 1), SizeIs(2)) << "one has aged";
  EXPECT_THAT(listed(fdb_, {.vni = kRed, .mac = mac(1), .place = {}}, 3'000),
              ElementsAre("100 1 at port 3, 2000 ms"));
  EXPECT_THAT(listed(fdb_, {.vni = {}, .mac = {}, .place = remote(3)}, 3'000),
              ElementsAre("100 2 at peer 3, 1000 ms"));
  uint32_t seen = 0;
  fdb_.for_each({}, 3'000, [&](const Fdb::Station&) { return ++seen, false; });
  EXPECT_EQ(seen, 1u) << "who has enough is left alone";
}

TEST_F(FdbTest, WhatIsForgottenByAFilterEndsWhatRestedOnIt) {
  for (uint64_t i = 0; i < 4; ++i) learn(i, i % 2 == 0 ? local(3) : remote(3));
  fdb_.learn(kBlue, kBlueSegment, mac(1), local(4), 0);
  const uint64_t before = fdb_.moves();
  EXPECT_EQ(fdb_.forget({.vni = kRed, .mac = mac(7), .place = {}}), 0u);
  EXPECT_EQ(fdb_.moves(), before) << "nothing has changed";
  EXPECT_EQ(fdb_.forget({.vni = {}, .mac = mac(1), .place = {}}), 2u) << "in both segments";
  EXPECT_GT(fdb_.moves(), before);
  EXPECT_EQ(where(1), "unknown");
  EXPECT_EQ(fdb_.forget({.vni = kRed, .mac = {}, .place = local(3)}), 2u);
  EXPECT_EQ(fdb_.forget({}), 1u);
  EXPECT_EQ(fdb_.size(), 0u);
  EXPECT_EQ(learn(1, local(3)), Learnt::learnt) << "and is learnt again";
}

TEST(FdbCapacityTest, IsRoundedUpToAPowerOfTwo) {
  EXPECT_EQ(Fdb(0, {}).capacity(), 8u);
  EXPECT_EQ(Fdb(1000, {}).capacity(), 1024u);
  EXPECT_EQ(Fdb(131072, {}).capacity(), 131072u);
}

TEST(FdbCapacityTest, MostOfTheTableFillsBeforeAMacFindsNoRoom) {
  Fdb fdb(4096, {}, {{1, 2}});
  uint64_t number = 0;
  while (fdb.learn(kRed, kRedSegment, mac(number), local(3), 0) == Learnt::learnt) ++number;
  EXPECT_EQ(fdb.learn(kRed, kRedSegment, mac(number), local(3), 0), Learnt::full);
  EXPECT_GT(number, 4096u * 6 / 10);
  for (uint64_t i = 0; i < number; ++i) ASSERT_TRUE(fdb.find(kRed, mac(i), 0)) << i;
  EXPECT_EQ(fdb.size(), number);
}

TEST(FdbCapacityTest, AgedEntriesMakeRoomWhenTheirBucketsAreFull) {
  Fdb fdb(8, {.ageing_ms = kAgeing});  // two buckets: every key may lie in both
  for (uint64_t i = 0; i < 8; ++i) {
    ASSERT_EQ(fdb.learn(kRed, kRedSegment, mac(i), local(3), 0), Learnt::learnt);
  }
  EXPECT_EQ(fdb.learn(kBlue, kBlueSegment, mac(8), local(4), kAgeing), Learnt::full);
  EXPECT_EQ(fdb.learn(kBlue, kBlueSegment, mac(8), local(4), kAgeing + 1), Learnt::learnt);
  EXPECT_EQ(fdb.size(), 8u);
  EXPECT_TRUE(fdb.find(kBlue, mac(8), kAgeing + 1));
}

TEST(FdbCapacityTest, AQuotaThatAgedEntriesGaveBackCanBeUsedAgain) {
  Fdb fdb(8, {.ageing_ms = kAgeing, .per_segment = 8});
  for (uint64_t i = 0; i < 8; ++i) fdb.learn(kRed, kRedSegment, mac(i), local(3), 0);
  fdb.learn(kBlue, kBlueSegment, mac(8), local(4), kAgeing + 1);  // in the place of a red one
  EXPECT_EQ(fdb.forget_segment(kBlue), 1u);
  EXPECT_EQ(fdb.learn(kRed, kRedSegment, mac(9), local(3), kAgeing + 1), Learnt::learnt);
}

// MAC n may be at port n, at port n + 512 or unknown: any other answer is another MAC's.
TEST(FdbThreadsTest, AReaderNeverGetsAnotherMacsPlaceWhileEntriesComeGoAndMove) {
  constexpr uint16_t kMacs = 64;
  Fdb fdb(16, {});  // a quarter of them fits: entries change hands all the time
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint32_t round = 0; !done; ++round) {
      const auto n = static_cast<uint16_t>(1 + round * 7 % kMacs);
      fdb.learn(kRed, kRedSegment, mac(n), local(static_cast<uint16_t>(n + round % 2 * 512)), 0);
      if (round % 3 == 0) fdb.forget_port(PortId{static_cast<uint16_t>(1 + round % kMacs)});
      if (round % 5 == 0) fdb.forget_port(PortId{static_cast<uint16_t>(513 + round % kMacs)});
    }
  });
  uint64_t found = 0;
  uint64_t wrong = 0;
  for (uint64_t round = 0; round < 2'000 || found < 2'000; ++round) {
    for (uint16_t n = 1; n <= kMacs; ++n) {
      const auto place = fdb.find(kRed, mac(n), 0);
      if (!place) continue;
      ++found;
      if (place->port.value % 512 != n || place->peer != kNoPeer) ++wrong;
    }
  }
  done = true;
  writer.join();
  EXPECT_EQ(wrong, 0u) << "of " << found;
}

TEST(FdbThreadsTest, TwoLcoresThatLearnAtOnceLoseNoCount) {
  Fdb fdb(256, {.ageing_ms = kAgeing});
  const auto lcore = [&fdb](uint16_t segment, Vni vni) {
    for (uint32_t round = 0; round < 20'000; ++round) {
      const TimeMs now = round * 50;
      fdb.learn(vni, segment, mac(round % 40), local(static_cast<uint16_t>(1 + round % 3)), now);
      fdb.sweep(now, 8);
    }
  };
  std::thread one(lcore, kRedSegment, kRed);
  std::thread other(lcore, kBlueSegment, kBlue);
  one.join();
  other.join();
  const uint32_t size = fdb.size();
  EXPECT_GT(size, 0u);
  EXPECT_EQ(fdb.forget_segment(kRed) + fdb.forget_segment(kBlue), size);
  EXPECT_EQ(fdb.size(), 0u);
}

}  // namespace
}  // namespace butterfly
