// SPDX-License-Identifier: Apache-2.0
// Of World: its rules, and its packets as bytes and as text.
#include "model/world.h"

namespace butterfly::model {
namespace {

constexpr size_t kEthernet = sizeof(wire::EthernetHeader);

Mac mac_of(unsigned station) { return Mac::from_u64(0x525400000001 + station); }

RuleIntent rule(RuleDirection direction, std::optional<uint8_t> protocol = {},
                std::optional<uint16_t> first_port = {}, std::optional<uint16_t> last_port = {}) {
  RuleIntent rule;
  rule.direction = direction;
  rule.protocol = protocol;
  rule.first_port = first_port;
  rule.last_port = last_port ? last_port : first_port;
  return rule;
}

RuleIntent icmp_rule(uint8_t protocol, uint8_t type, std::optional<uint8_t> code) {
  RuleIntent icmp = rule(RuleDirection::ingress, protocol);
  icmp.icmp_type = type;
  icmp.icmp_code = code;
  return icmp;
}

RuleIntent with_peer(RuleIntent rule, const char* prefix) {
  rule.peer_cidr = Cidr::parse(prefix);
  return rule;
}

RuleIntent with_group(RuleIntent rule, const char* group) {
  rule.peer_group = group;
  return rule;
}

RuleIntent of_family(RuleIntent rule, RuleFamily family) {
  rule.family = family;
  return rule;
}

std::vector<RuleIntent> make_rules() {
  constexpr auto kIn = RuleDirection::ingress;
  constexpr auto kOut = RuleDirection::egress;
  return {rule(kIn),
          rule(kOut),
          rule(kIn, kTcp, 80),
          rule(kIn, kTcp, 70, 443),
          rule(kOut, kTcp, 1024, 65'535),
          rule(kOut, kTcp),
          rule(kIn, kUdp, 53),
          rule(kOut, kUdp),
          rule(kIn, kSctp, 53, 80),
          rule(kIn, kGre),
          rule(kIn, kIcmp),
          icmp_rule(kIcmp, 8, 0),
          icmp_rule(kIcmp, 13, std::nullopt),
          icmp_rule(kIcmp, 8, 1),
          icmp_rule(kIcmpv6, 128, std::nullopt),
          of_family(rule(kIn), RuleFamily::v4),
          of_family(rule(kOut), RuleFamily::v6),
          with_peer(rule(kIn), "0.0.0.0/0"),
          with_peer(rule(kOut), "10.0.0.4/30"),
          with_peer(rule(kIn, kTcp), "10.0.0.0/30"),
          with_peer(rule(kOut), "fd00::4/126"),
          with_peer(rule(kIn, kUdp, 1, 1023), "::/0"),
          with_group(rule(kIn), "g1"),
          with_group(rule(kOut), "g2"),
          with_group(rule(kIn, kTcp, 80, 443), "g3"),
          with_group(rule(kOut, kUdp), "g0")};
}

Frame icmp_frame(const scenario::Envelope& envelope, const Datagram& datagram) {
  Frame frame = scenario::echo_frame(envelope, true, datagram.icmp_id, 24);
  const size_t l4 =
      kEthernet + (datagram.is_v4() ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header));
  frame[l4] = datagram.icmp_type;
  frame[l4 + 1] = datagram.icmp_code;
  return frame;
}

// Its first twelve bytes are as those of UDP and four more.
Frame sctp_frame(const scenario::Envelope& envelope, const Datagram& datagram) {
  Frame frame = scenario::udp_frame(envelope, datagram.source_port, datagram.destination_port, 20);
  frame[kEthernet + (datagram.is_v4() ? 9 : 6)] = kSctp;
  return frame;
}

Frame frame_of(const scenario::Envelope& envelope, const Datagram& datagram) {
  if (datagram.is_icmp()) return icmp_frame(envelope, datagram);
  const TcpSegment& tcp = datagram.tcp;
  switch (datagram.protocol) {
    case kTcp:
      return scenario::tcp_frame(
          envelope, {datagram.source_port, datagram.destination_port, tcp.sequence,
                     tcp.acknowledgement, tcp.flags, tcp.window, tcp.scale, tcp.length});
    case kUdp:
      return scenario::udp_frame(envelope, datagram.source_port, datagram.destination_port, 30);
    case kSctp:
      return sctp_frame(envelope, datagram);
    default:
      return scenario::bare_frame(envelope, datagram.protocol, 30);
  }
}

}  // namespace

const std::vector<RuleIntent>& rules_of_world() {
  static const std::vector<RuleIntent> rules = make_rules();
  return rules;
}

Frame World::frame_of(const Packet& packet) const {
  const Datagram& datagram = packet.datagram;
  const scenario::Envelope envelope{mac_of(packet.from), mac_of(packet.to), datagram.source,
                                    datagram.destination};
  if (!packet.quoted) return model::frame_of(envelope, datagram);
  const scenario::Envelope inner{Mac{}, Mac{}, packet.quoted->source, packet.quoted->destination};
  Frame frame = scenario::error_frame(envelope, model::frame_of(inner, *packet.quoted), 0);
  const size_t l4 =
      kEthernet + (datagram.is_v4() ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header));
  frame[l4] = datagram.icmp_type;
  frame[l4 + 1] = datagram.icmp_code;
  return frame;
}

Frame World::fed_frame_of(const Packet& packet) const {
  const Frame frame = frame_of(packet);
  if (!is_far(packet.from)) return frame;
  const Ipv4 peer{{192, 0, 2, static_cast<uint8_t>(2 + packet.from)}};
  return scenario::in_tunnel(frame, vni_of(packet.segment), peer, 50'000);
}

std::string World::to_string(const Packet& packet) const {
  const auto name = [&](unsigned station) {
    return is_far(station) ? "far " + std::to_string(station) : nic_at(packet.segment, station);
  };
  std::string text = name(packet.from) + " > " + name(packet.to);
  if (segments_ > 1) text += " (segment " + std::to_string(packet.segment) + ")";
  text += ": " + model::to_string(packet.datagram);
  if (packet.quoted) text += " about " + model::to_string(*packet.quoted);
  return text;
}

std::string World::to_string(const Step& step) const {
  const auto there = [](bool is_there) { return is_there ? " is there" : " is not there"; };
  if (const auto* send = std::get_if<SendPackets>(&step)) {
    std::string text;
    for (const Packet& packet : send->packets) {
      text += (text.empty() ? "" : "\n    at once ") + to_string(packet);
    }
    return text;
  }
  if (const auto* time = std::get_if<LetPass>(&step)) {
    return std::to_string(time->ms) + " ms pass";
  }
  if (const auto* flush = std::get_if<Flush>(&step)) {
    return "connections of segment " + std::to_string(flush->segment) + " are flushed";
  }
  if (const auto* set = std::get_if<SetKnob>(&step)) {
    return std::string(info_of(set->knob).key) + "=" + knob_text(info_of(set->knob), set->value);
  }
  if (const auto* set = std::get_if<SetGroup>(&step)) {
    return "group g" + std::to_string(set->group) + there(set->is_there);
  }
  if (const auto* set = std::get_if<SetRule>(&step)) {
    return "rule " + std::to_string(set->rule) + " of group g" + std::to_string(set->group) +
           there(set->is_there);
  }
  if (const auto* set = std::get_if<SetMember>(&step)) {
    return "member " + address_of(set->station, set->is_v4).to_string() + " of group g" +
           std::to_string(set->group) + there(set->is_there);
  }
  if (const auto* set = std::get_if<SetNic>(&step)) {
    return "nic " + nics_[set->nic] + there(set->is_there);
  }
  if (const auto* set = std::get_if<SetAddress>(&step)) {
    return "nic " + nics_[set->nic] + " has address " +
           address_of(station_of(set->nic), set->is_v4).to_string() +
           (set->is_there ? "" : ": not");
  }
  const auto& set = std::get<SetGroupsOfNic>(step);
  std::string text = "nic " + nics_[set.nic] + " has groups";
  for (unsigned group = 0; group < kGroups; ++group) {
    if ((set.groups >> group & 1) != 0) text += " g" + std::to_string(group);
  }
  return text;
}

}  // namespace butterfly::model
