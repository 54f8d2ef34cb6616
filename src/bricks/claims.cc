// SPDX-License-Identifier: Apache-2.0
#include "bricks/claims.h"

namespace butterfly {

Claims::Out Claims::note(const Packet& packet, Trace* trace) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  const bool asks = parsed.icmp_type == wire::kIcmpv6NeighbourSolicitation;
  if (!asks && parsed.icmp_type != wire::kIcmpv6NeighbourAdvertisement) return Out::on;
  const auto* ip = packet.at<wire::Ipv6Header>(parsed.l3);
  const auto* nd = packet.at<wire::NdHeader>(parsed.l4);
  const Segment* segment = segments_.at(packet.segment);
  if (!ip || !nd || !segment || !is_claimable(nd->target)) return Out::on;
  if (asks && !ip->source.is_zero()) return Out::on;  // whether somebody is there, not for itself
  if (trace) *trace = {nd->target, asks};

  const Nic* nic = packet.in_port == kUplinkPort ? nullptr : nics_.find(packet.in_port);
  if (!nic || !nic->antispoof) {
    claims_.object(*segment, nd->target, lcore_.now());
    return Out::on;
  }
  // What it says to have, antispoof has seen to be its own; as what it was given by intent.
  if (!asks || link_locals_ == 0 || nic->may_speak_as(nd->target)) return Out::on;
  const bool is_heard =
      !segment->is_private() || segment->is_gateway(packet.at<wire::EthernetHeader>(0)->source);
  if (!is_heard) return Out::unheard;
  const auto claim = claims_.claim(*nic, *segment, nics_, nd->target, link_locals_, lcore_.now());
  return claim == ClaimTable::Claim::taken ? Out::taken : Out::on;
}

std::string Claims::format(const Trace& trace) {
  if (trace.address.is_zero()) return {};
  return (trace.asks ? "asks for " : "has ") + IpAddress(trace.address).to_string();
}

}  // namespace butterfly
