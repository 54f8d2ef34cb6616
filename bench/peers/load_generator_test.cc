// SPDX-License-Identifier: Apache-2.0
// What the load generator computes; its ports and threads are seen at work in bench-peers itself.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "bench/peers/arrivals.h"
#include "bench/peers/course.h"
#include "bench/peers/flow_order.h"
#include "bench/peers/histogram.h"
#include "bench/peers/segments.h"
#include "wire/checksum.h"

namespace butterfly::peers {
namespace {

using wire::Family;
using Buffer = std::array<uint8_t, 2048>;

Network tunnelled() {
  Network network;
  network.is_tunnelled = true;
  network.vtep_mac = Mac::from_u64(0x525400020001);
  return network;
}

// Takes off what VXLAN has put in front, unchecked.
std::span<const uint8_t> inner_of(std::span<const uint8_t> frame, Direction direction,
                                  bool is_tunnelled) {
  const bool has_outer = is_tunnelled && direction == Direction::from_wire;
  return has_outer ? frame.subspan(kTunnelBytes) : frame;
}

// The sum over addresses, TCP header and payload; 0 when the checksum in it is right.
uint16_t tcp_checksum(std::span<const uint8_t> frame, Family family) {
  const size_t tcp = family == Family::v4 ? 34 : 54;
  IpAddress source, destination;
  if (family == Family::v4) {
    const auto* ip = wire::view_at<wire::Ipv4Header>(frame, 14);
    source = ip->source, destination = ip->destination;
  } else {
    const auto* ip = wire::view_at<wire::Ipv6Header>(frame, 14);
    source = ip->source, destination = ip->destination;
  }
  const auto segment = frame.subspan(tcp);
  return wire::checksum_finish(wire::checksum_add(segment) +
                               wire::pseudo_header_sum(source, destination, wire::kProtoTcp,
                                                       static_cast<uint32_t>(segment.size())));
}

TEST(SegmentWriter, WritesRightChecksumsForEveryFlowAndKind) {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const Direction direction : {Direction::from_guest, Direction::from_wire}) {
      for (const auto kind : {SegmentKind::syn, SegmentKind::syn_ack, SegmentKind::acknowledgement,
                              SegmentKind::data}) {
        const SegmentWriter writer(tunnelled(), {direction, family, kind, 570});
        for (const uint32_t flow : {0U, 15U, 99'999U, 12'345'678U}) {
          Buffer buffer{};
          writer.write(buffer.data(), flow, 0xfffffff0, 0x12345678, 0xdeadbeef);
          const auto frame = inner_of(std::span(buffer).first(writer.length()), direction, true);
          EXPECT_EQ(tcp_checksum(frame, family), 0);
          if (family == Family::v4) {
            EXPECT_EQ(wire::checksum_finish(wire::checksum_add(frame.subspan(14, 20))), 0);
          }
        }
      }
    }
  }
}

TEST(SegmentWriter, LeavesNothingOfAnEarlierFrameInThePayload) {
  const SegmentWriter longer(tunnelled(), {Direction::from_wire, Family::v6, SegmentKind::syn_ack});
  const SegmentWriter data({}, {Direction::from_guest, Family::v4, SegmentKind::data, 1450});
  Buffer buffer{};
  longer.write(buffer.data(), 7, 1, 2, 3);
  data.write(buffer.data(), 7, 1, 2, 3);
  EXPECT_EQ(tcp_checksum(std::span(buffer).first(1450), Family::v4), 0);
}

TEST(SegmentWriter, PutsAFrameOfTheWireIntoItsTunnel) {
  const SegmentWriter writer(tunnelled(),
                             {Direction::from_wire, Family::v4, SegmentKind::data, 64});
  EXPECT_EQ(writer.length(), 114);
  Buffer buffer{};
  writer.write(buffer.data(), 3, 1, 2, 3);
  const auto* udp = wire::view_at<wire::UdpHeader>(std::span<uint8_t>(buffer), 34);
  EXPECT_EQ(udp->length, 114 - 34);
  EXPECT_EQ(udp->destination_port, wire::kVxlanPort);
  EXPECT_GE(udp->source_port, 0xc000);
}

TEST(ReadArrival, KnowsWhatTheOtherEndHasSent) {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const Direction direction : {Direction::from_guest, Direction::from_wire}) {
      const Network network;  // no tunnel: frames arrive as they were sent
      const SegmentWriter writer(network, {direction, family, SegmentKind::data, 80});
      Buffer buffer{};
      writer.write(buffer.data(), 76'543, 1, 2, 3);
      const auto arrival =
          read_arrival(std::span(buffer).first(writer.length()), network, direction);
      ASSERT_TRUE(arrival);
      EXPECT_EQ(arrival->flow, 76'543U);
      EXPECT_EQ(arrival->tcp_flags, wire::kTcpAck);
    }
  }
}

TEST(ReadArrival, RefusesWhatIsCutOrNotInTheTunnel) {
  const SegmentWriter writer({}, {Direction::from_guest, Family::v4, SegmentKind::data, 64});
  Buffer buffer{};
  writer.write(buffer.data(), 5, 1, 2, 3);
  for (size_t length = 0; length < 64; ++length) {
    EXPECT_FALSE(read_arrival(std::span(buffer).first(length), {}, Direction::from_guest));
  }
  EXPECT_FALSE(read_arrival(std::span(buffer).first(64), tunnelled(), Direction::from_guest));
}

TEST(AnswerArp, AnswersForThePeerOnly) {
  const Network network = tunnelled();
  Buffer buffer{};
  auto& ethernet = *wire::view_at<wire::EthernetHeader>(std::span<uint8_t>(buffer), 0);
  ethernet = {Mac::broadcast(), network.vtep_mac, wire::kTypeArp};
  auto& arp = *wire::view_at<wire::ArpHeader>(std::span<uint8_t>(buffer), 14);
  arp = {1, wire::kTypeIpv4, 6, 4, wire::kArpRequest, network.vtep_mac, network.vtep, {}, {}};
  EXPECT_FALSE(answer_arp(std::span(buffer).first(42), network));
  arp.target_ip = network.peer;
  EXPECT_TRUE(answer_arp(std::span(buffer).first(42), network));
  EXPECT_EQ(arp.sender_mac, network.peer_mac);
  EXPECT_EQ(arp.target_mac, network.vtep_mac);
  EXPECT_EQ(ethernet.destination, network.vtep_mac);
  EXPECT_FALSE(answer_arp(std::span(buffer).first(42), network));  // an answer now
}

TEST(FlowOrder, VisitsEveryFlowOnceAPass) {
  for (const uint32_t count : {1U, 2U, 3U, 100U, 1000U, 4096U}) {
    FlowOrder order({500, count});
    for (int pass = 0; pass < 3; ++pass) {
      std::set<uint32_t> seen;
      for (uint32_t i = 0; i < count; ++i) {
        bool begins = false;
        seen.insert(order.next(begins));
        EXPECT_EQ(begins, i == 0) << count << " flows, turn " << i;
      }
      EXPECT_EQ(seen.size(), count);
      EXPECT_EQ(*seen.begin(), 500U);
      EXPECT_EQ(*seen.rbegin(), 500U + count - 1);
    }
  }
}

TEST(Course, SettlesOnlyWhatWasSentLongAgo) {
  Course course({0, 100});
  for (int i = 0; i < 100 * 50; ++i) course.next_flow(10);
  EXPECT_EQ(course.offset(), 490U);
  EXPECT_EQ(course.settled(), 0U);  // 5,000 packets may still be on their way
  for (int i = 0; i < 100 * 1000; ++i) course.next_flow(10);
  EXPECT_GT(course.settled(), 0U);
  EXPECT_LE(course.settled(), course.offset() - 10 * 8192 / 100);
}

TEST(Histogram, KnowsPercentilesToTwoPercent) {
  Histogram histogram;
  for (uint32_t value = 1; value <= 100'000; ++value) histogram.add(value);
  EXPECT_NEAR(histogram.percentile(500), 50'000, 1000);
  EXPECT_NEAR(histogram.percentile(999), 99'900, 2000);
  EXPECT_EQ(Histogram().percentile(500), 0U);
  Histogram extremes;
  extremes.add(UINT32_MAX);
  EXPECT_EQ(extremes.percentile(1000), UINT32_MAX);
}

}  // namespace
}  // namespace butterfly::peers
