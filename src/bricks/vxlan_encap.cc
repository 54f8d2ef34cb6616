// SPDX-License-Identifier: Apache-2.0
#include "bricks/vxlan_encap.h"

#include <bit>

#include "wire/checksum.h"

namespace butterfly {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kVniFlag = 0x08;
constexpr uint16_t kDontFragment = 0x4000;

}  // namespace

VxlanEncap::VxlanEncap(const Vtep& vtep, const PeerTable& peers, const NeighbourTable& neighbours,
                       const Lcore& lcore)
    : peers_(peers), neighbours_(neighbours), lcore_(lcore), is_v4_(vtep.address.is_v4()) {
  const auto fill = [&](auto& outer, uint16_t ethertype) {
    outer.ethernet.source = vtep.mac;
    outer.ethernet.type = ethertype;
    outer.udp.destination_port = vtep.udp_port;
    outer.vxlan.flags = kVniFlag;
  };
  if (is_v4_) {
    fill(outer_v4_, wire::kTypeIpv4);
    wire::Ipv4Header& ip = outer_v4_.ip;
    ip.version_ihl = 0x45;
    ip.fragment = kDontFragment;
    ip.ttl = kHopLimit;
    ip.protocol = wire::kProtoUdp;
    ip.source = vtep.address.v4();
    const auto bytes = std::bit_cast<std::array<uint8_t, sizeof ip>>(ip);
    ipv4_sum_ = static_cast<uint16_t>(~wire::checksum_finish(wire::checksum_add(bytes)));
  } else {
    fill(outer_v6_, wire::kTypeIpv6);
    wire::Ipv6Header& ip = outer_v6_.ip;
    ip.version_class_flow = 6U << 28;
    ip.next_header = wire::kProtoUdp;
    ip.hop_limit = kHopLimit;
    ip.source = vtep.address.v6();
  }
}

uint32_t VxlanEncap::hash_macs(const Packet& packet) {
  // A copy with headroom of its own begins with an empty segment.
  const rte_mbuf* segment = &packet;
  while (segment->data_len == 0 && segment->next) segment = segment->next;
  const std::span head(rte_pktmbuf_mtod(segment, const uint8_t*), segment->data_len);
  const auto* ethernet = wire::view_at<wire::EthernetHeader>(head, 0);
  if (!ethernet) return 0;
  const uint64_t both = ethernet->destination.to_u64() ^ ethernet->source.to_u64();
  return static_cast<uint32_t>((both * 0x9e3779b97f4a7c15ULL) >> 32);
}

std::string VxlanEncap::format(const Trace& trace) {
  return "VNI " + std::to_string(trace.vni.value) + " to " + trace.peer.to_string() +
         ", UDP source port " + std::to_string(trace.source_port);
}

}  // namespace butterfly
