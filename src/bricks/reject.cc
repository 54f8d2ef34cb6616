// SPDX-License-Identifier: Apache-2.0
#include "bricks/reject.h"

#include <algorithm>

#include "graph/icmp_answer.h"
#include "graph/packet_checksum.h"
#include "graph/packet_pool.h"

namespace butterfly {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint16_t kDontFragment = 0x4000;
constexpr IcmpError kProhibitedV4{wire::kIcmpUnreachable, wire::kIcmpAdminProhibited};
constexpr IcmpError kProhibitedV6{wire::kIcmpv6Unreachable, wire::kIcmpv6AdminProhibited};

// The header of the reset that answers `segment`, checksum zero.
wire::TcpHeader reset_for(const wire::TcpHeader& segment, uint32_t tcp_length) {
  wire::TcpHeader reset{};
  reset.source_port = segment.destination_port;
  reset.destination_port = segment.source_port;
  reset.data_offset = sizeof reset / 4 << 4;
  if (segment.flags & wire::kTcpAck) {
    reset.flags = wire::kTcpRst;
    reset.sequence = segment.acknowledgement;
    return reset;
  }
  const uint32_t syn_and_fin = ((segment.flags & wire::kTcpSyn) != 0 ? 1U : 0U) +
                               ((segment.flags & wire::kTcpFin) != 0 ? 1U : 0U);
  const auto data = tcp_length - static_cast<uint32_t>(segment.header_length());
  reset.flags = wire::kTcpRst | wire::kTcpAck;
  reset.acknowledgement = segment.sequence + data + syn_and_fin;
  return reset;
}

template <typename Ip>
struct Frame {
  wire::EthernetHeader ethernet;
  Ip ip;
  wire::TcpHeader tcp;
};

wire::Ipv4Header ip_back(const wire::Ipv4Header& ip) {
  constexpr uint16_t kLength = sizeof(wire::Ipv4Header) + sizeof(wire::TcpHeader);
  return {0x45,           0,        kLength, 0, kDontFragment, kHopLimit, wire::kProtoTcp, 0,
          ip.destination, ip.source};
}
wire::Ipv6Header ip_back(const wire::Ipv6Header& ip) {
  constexpr uint16_t kLength = sizeof(wire::TcpHeader);
  return {6U << 28, kLength, wire::kProtoTcp, kHopLimit, ip.destination, ip.source};
}

// Over the packet's own headers: it is at least as long as its answer.
template <typename Ip>
bool write_reset(Packet& packet, const wire::TcpHeader& segment) {
  const wire::TcpHeader reset = reset_for(segment, packet.parsed.l4_length);
  const wire::EthernetHeader ethernet = *packet.at<wire::EthernetHeader>(0);
  const Ip ip = ip_back(*packet.at<Ip>(packet.parsed.l3));
  truncate_packet(packet, sizeof(Frame<Ip>));
  auto* frame = packet.at<Frame<Ip>>(0);
  if (!frame) return false;
  *frame = {{ethernet.source, ethernet.destination, ethernet.type}, ip, reset};
  if constexpr (std::is_same_v<Ip, wire::Ipv4Header>) {
    frame->ip.checksum = wire::checksum_finish(
        packet_sum(packet, wire::kEthernetHeaderLen, sizeof(wire::Ipv4Header)));
  }
  frame->tcp.checksum = transport_checksum(packet, frame->ip.source, frame->ip.destination,
                                           wire::kProtoTcp, offsetof(Frame<Ip>, tcp), sizeof reset);
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL;
  return true;
}

bool answer(Packet& packet, const wire::TcpHeader* segment) {
  const bool is_v4 = packet.parsed.family == wire::Family::v4;
  if (!segment) return answer_with_icmp(packet, is_v4 ? kProhibitedV4 : kProhibitedV6);
  const wire::TcpHeader copy = *segment;
  return is_v4 ? write_reset<wire::Ipv4Header>(packet, copy)
               : write_reset<wire::Ipv6Header>(packet, copy);
}

}  // namespace

Reject::Out Reject::operator()(Packet& packet, Trace*) noexcept {
  if (!may_be_answered(packet)) return Out::silent;
  const bool is_tcp = packet.parsed.protocol == wire::kProtoTcp;
  const auto* segment = is_tcp ? packet.at<wire::TcpHeader>(packet.parsed.l4) : nullptr;
  if (is_tcp && (!segment || (segment->flags & wire::kTcpRst) != 0)) return Out::silent;
  if (!answers_.take(lcore_.now())) return Out::limited;
  if (!answer(packet, segment)) return Out::silent;
  packet.out_port = packet.in_port;
  packet.peer = packet.source_peer;
  return packet.in_port == kUplinkPort ? Out::to_wire : Out::to_guest;
}

}  // namespace butterfly
