// SPDX-License-Identifier: Apache-2.0
#include "bricks/suppress.h"

#include "graph/become.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

using Out = Suppress::Out;

// The MAC that `asker` may be told for the address; null when nobody knows it.
const Mac* known_to(const Segment& segment, const IpAddress& target, const Mac& asker) {
  const Mac* owner = segment.find_host(target);
  return owner && *owner != asker && segment.joins(asker, *owner) ? owner : nullptr;
}

template <typename Frame>
Out answer_with(const Frame& answer, Packet& packet) {
  if (!become(packet, answer)) return Out::flood;
  send_back(packet);
  return Out::answered;
}

Out answer_arp(const Segment& segment, Packet& packet, Suppress::Trace* trace) {
  const auto* frame = packet.at<wire::ArpFrame>(0);
  if (!frame || frame->arp.operation != wire::kArpRequest) return Out::flood;
  const wire::ArpHeader arp = frame->arp;
  if (trace) *trace = {arp.target_ip, true};
  if (arp.sender_ip.is_zero() || arp.sender_ip == arp.target_ip) return Out::flood;
  const Mac asker = frame->ethernet.source;
  const Mac* owner = known_to(segment, arp.target_ip, asker);
  if (!owner) return Out::flood;
  wire::ArpFrame reply =
      wire::make_arp_reply({*owner, arp.target_ip}, {arp.sender_mac, arp.sender_ip});
  reply.ethernet.destination = asker;
  return answer_with(reply, packet);
}

Out answer_nd(const Segment& segment, Packet& packet, Suppress::Trace* trace) {
  const wire::Parsed& parsed = packet.parsed;
  const auto* ip = packet.at<wire::Ipv6Header>(parsed.l3);
  const auto* nd = packet.at<wire::NdHeader>(parsed.l4);
  if (!ip || !nd || ip->hop_limit != wire::kNdHopLimit || nd->icmp.code != 0) return Out::flood;
  const Ipv6 target = nd->target;
  const Ipv6 source = ip->source;
  if (trace) *trace = {target, true};
  if (!source.names_a_host() || source == target || target.is_link_local()) return Out::flood;
  const Mac asker = packet.at<wire::EthernetHeader>(0)->source;
  const Mac* owner = known_to(segment, target, asker);
  if (!owner) return Out::flood;
  const wire::NdFrame answer = wire::make_advertisement({*owner, target}, {asker, source},
                                                        wire::kNdSolicited | wire::kNdOverride);
  return answer_with(answer, packet);
}

}  // namespace

Suppress::Out Suppress::answer(const Segment& segment, Packet& packet, Trace* trace) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.kind == wire::FrameKind::arp) return answer_arp(segment, packet, trace);
  const bool asks_in_ipv6 = parsed.kind == wire::FrameKind::signalling &&
                            parsed.ethertype == wire::kTypeIpv6 &&
                            parsed.icmp_type == wire::kIcmpv6NeighbourSolicitation;
  return asks_in_ipv6 ? answer_nd(segment, packet, trace) : Out::flood;
}

std::string Suppress::format(const Trace& trace) {
  return trace.asks ? "asks for " + trace.target.to_string() : std::string();
}

}  // namespace butterfly
