// SPDX-License-Identifier: Apache-2.0
#include "bricks/parse.h"

#include <cstdio>

namespace butterfly {

namespace {

struct TaggedFrame {
  wire::EthernetHeader ethernet;
  be16 tag;
};
constexpr uint16_t kVlanMask = 0x0fff;

// Neither VLAN 0, whose frames their receivers take for untagged ones, nor 4095 (IEEE 802.1Q
// §9.6).
bool is_in_a_vlan(const Packet& packet) {
  const auto* frame = packet.at<TaggedFrame>(0);
  if (!frame) return false;
  const uint16_t vlan = frame->tag & kVlanMask;
  return vlan != 0 && vlan != kVlanMask;
}

}  // namespace

Parse::Out Parse::take_tagged(const Packet& packet, Trace* trace) const noexcept {
  bool is_carried;
  if (packet.in_port == kUplinkPort) {
    const Segment* segment = carriers_->segments.at(packet.segment);
    is_carried = segment && segment->vni == packet.vni && segment->carries_vlans;
  } else {
    const Nic* nic = carriers_->nics.find(packet.in_port);
    is_carried = nic && nic->carries_vlans;
  }
  if (!is_carried || !is_in_a_vlan(packet)) return Out::vlan_tag;
  if (trace) *trace = note_of(packet.parsed);
  return Out::parsed;
}

Parse::Trace Parse::note_of(const wire::Parsed& parsed) {
  Trace trace{};
  trace.ethertype = parsed.ethertype;
  trace.kind = parsed.kind;
  trace.is_parsed = true;
  if (parsed.kind == wire::FrameKind::non_ip || parsed.kind == wire::FrameKind::arp) return trace;
  trace.family = parsed.family;
  trace.protocol = parsed.protocol;
  trace.icmp_type = parsed.icmp_type;
  if (parsed.kind == wire::FrameKind::signalling) return trace;
  trace.key = parsed.key;
  trace.source_is_high = parsed.source_is_high;
  return trace;
}

std::string Parse::format(const Trace& trace) {
  if (!trace.is_parsed) return {};
  const std::string icmp = std::string(trace.family == wire::Family::v4 ? "icmp" : "icmpv6") +
                           " type " + std::to_string(trace.icmp_type);
  const auto tuple = [&trace] {
    return to_string(wire::five_tuple_of(trace.key, trace.family, trace.source_is_high));
  };
  switch (trace.kind) {
    case wire::FrameKind::arp:
      return "arp";
    case wire::FrameKind::flow:
      return tuple();
    case wire::FrameKind::first_fragment:
      return "first fragment of " + tuple();
    case wire::FrameKind::later_fragment:
      return "fragment of " + tuple();
    case wire::FrameKind::icmp_error:
      return icmp + " about " + tuple();
    case wire::FrameKind::signalling:
      return icmp;
    case wire::FrameKind::non_ip:
      break;
  }
  char text[24];
  std::snprintf(text, sizeof text, "ethertype 0x%04x", trace.ethertype);
  return text;
}

}  // namespace butterfly
