// SPDX-License-Identifier: Apache-2.0
#include "wire/underlay_split.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "wire/frames_for_test.h"

namespace butterfly::wire {
namespace {

using test::Bytes;
using Owner = UnderlaySplit::Owner;

constexpr uint16_t kPort = 4789;
constexpr uint8_t kIgmp = 2;
const UnderlaySplit kSplit4(test::address("192.0.2.1"), kPort);
const UnderlaySplit kSplit6(test::address("2001:db8::1"), kPort);
constexpr test::V4 kToUs{.destination = "192.0.2.1"};
constexpr test::V4 kToAnother{.destination = "192.0.2.9"};
constexpr test::V4 kToGroup{.destination = "239.1.1.1"};

test::V6 to(std::string_view text) {
  test::V6 fields;
  fields.destination = test::address(text).v6();
  return fields;
}

Bytes arp_about(uint16_t operation, std::string_view sender, std::string_view target) {
  ArpHeader header{1, kTypeIpv4, 6, 4, operation, test::kMacA, {}, {}, {}};
  header.sender_ip = test::address(sender).v4();
  header.target_ip = test::address(target).v4();
  return test::ethernet(kTypeArp, test::in_front(header, {}));
}

Bytes neighbour(uint8_t type, std::string_view target, std::string_view destination) {
  return test::ipv6(kProtoIcmpv6,
                    test::icmp(type, 0, test::in_front(test::address(target).v6(), {})),
                    to(destination));
}

struct Row {
  const char* name;
  const UnderlaySplit& split;
  Bytes frame;
  Owner owner;
};

TEST(UnderlaySplit, GivesEachItsFrames) {
  const Bytes vxlan = test::udp(50'000, kPort);
  const Row rows[] = {
      {"VXLAN for us", kSplit4, test::ipv4(kProtoUdp, vxlan, kToUs), Owner::tunnel},
      {"VXLAN for a group", kSplit4, test::ipv4(kProtoUdp, vxlan, kToGroup), Owner::tunnel},
      {"VXLAN for the host's other address", kSplit4, test::ipv4(kProtoUdp, vxlan, kToAnother),
       Owner::kernel},
      {"ssh", kSplit4, test::ipv4(kProtoTcp, test::tcp(1, 22), kToUs), Owner::kernel},
      {"TCP at VXLAN's port", kSplit4, test::ipv4(kProtoTcp, test::tcp(1, kPort), kToUs),
       Owner::kernel},
      {"DNS", kSplit4, test::ipv4(kProtoUdp, test::udp(53, 1024), kToUs), Owner::kernel},
      {"a later fragment", kSplit4,
       test::ipv4(kProtoUdp, vxlan, {.destination = "192.0.2.1", .fragment = 10}), Owner::kernel},
      {"ping", kSplit4, test::ipv4(kProtoIcmp, test::icmp(kIcmpEcho), kToUs), Owner::tunnel},
      {"ping of another", kSplit4, test::ipv4(kProtoIcmp, test::icmp(kIcmpEcho), kToAnother),
       Owner::kernel},
      {"pong", kSplit4, test::ipv4(kProtoIcmp, test::icmp(kIcmpEchoReply), kToUs), Owner::kernel},
      {"ICMP error", kSplit4, test::ipv4(kProtoIcmp, test::icmp(kIcmpUnreachable), kToUs),
       Owner::both},
      {"IGMP query", kSplit4, test::ipv4(kIgmp, test::icmp(0x11), kToGroup), Owner::both},
      {"ARP for us", kSplit4, arp_about(kArpRequest, "192.0.2.7", "192.0.2.1"), Owner::tunnel},
      {"ARP for another", kSplit4, arp_about(kArpRequest, "192.0.2.7", "192.0.2.9"), Owner::kernel},
      {"ARP reply", kSplit4, arp_about(kArpReply, "192.0.2.7", "192.0.2.9"), Owner::both},
      {"ARP announcement", kSplit4, arp_about(kArpRequest, "192.0.2.7", "192.0.2.7"), Owner::both},
      {"IPv6 of an IPv4 underlay", kSplit4, test::ipv6(kProtoUdp, vxlan), Owner::kernel},
      {"LLDP", kSplit4, test::ethernet(0x88cc, Bytes(50)), Owner::kernel},
      {"VXLAN over IPv6", kSplit6, test::ipv6(kProtoUdp, vxlan, to("2001:db8::1")), Owner::tunnel},
      {"VXLAN for an IPv6 group", kSplit6, test::ipv6(kProtoUdp, vxlan, to("ff05::1")),
       Owner::tunnel},
      {"VXLAN for another", kSplit6, test::ipv6(kProtoUdp, vxlan, to("2001:db8::9")),
       Owner::kernel},
      {"ssh over IPv6", kSplit6, test::ipv6(kProtoTcp, test::tcp(1, 22), to("2001:db8::1")),
       Owner::kernel},
      {"ping over IPv6", kSplit6,
       test::ipv6(kProtoIcmpv6, test::icmp(kIcmpv6Echo), to("2001:db8::1")), Owner::tunnel},
      {"packet too big", kSplit6,
       test::ipv6(kProtoIcmpv6, test::icmp(kIcmpv6PacketTooBig), to("2001:db8::1")), Owner::both},
      {"solicitation of us", kSplit6,
       neighbour(kIcmpv6NeighbourSolicitation, "2001:db8::1", "ff02::1:ff00:1"), Owner::tunnel},
      {"solicitation of another", kSplit6,
       neighbour(kIcmpv6NeighbourSolicitation, "2001:db8::9", "ff02::1:ff00:9"), Owner::kernel},
      {"advertisement", kSplit6,
       neighbour(kIcmpv6NeighbourAdvertisement, "2001:db8::7", "2001:db8::1"), Owner::both},
      {"router advertisement", kSplit6,
       test::ipv6(kProtoIcmpv6, test::icmp(kIcmpv6RouterAdvertisement), to("ff02::1")),
       Owner::kernel},
      {"MLD query", kSplit6,
       test::ipv6(kProtoHopByHop, test::extension(kProtoIcmpv6, test::icmp(kIcmpv6MldQuery)),
                  to("ff02::1")),
       Owner::both},
  };
  for (const Row& row : rows) EXPECT_EQ(row.split.owner_of(row.frame), row.owner) << row.name;
}

TEST(UnderlaySplit, WhatIsCutOffIsTheKernels) {
  const Bytes whole = test::ipv4(kProtoUdp, test::udp(1, kPort), kToUs);
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(kSplit4.owner_of(std::span(whole).first(length)), Owner::kernel) << length;
  }
}

TEST(UnderlaySplit, RandomBytesDoNoHarm) {
  std::mt19937 random(1);
  for (int i = 0; i < 100'000; ++i) {
    Bytes frame(random() % 100);
    for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random());
    constexpr uint8_t kSecond[] = {0x00, 0x06, 0xdd};
    if (frame.size() > 14) {
      frame[12] = random() % 2 ? 0x08 : 0x86;
      frame[13] = kSecond[random() % 3];
    }
    kSplit4.owner_of(frame);
    kSplit6.owner_of(frame);
  }
}

}  // namespace
}  // namespace butterfly::wire
