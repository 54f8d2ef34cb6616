// SPDX-License-Identifier: Apache-2.0
#include "bricks/firewall.h"

#include <algorithm>
#include <cstdio>

#include "base/copy_cut.h"
#include "wire/start_packet.h"

namespace butterfly {
namespace {

using wire::Family;
using wire::FrameKind;

constexpr uint8_t kNdHopLimit = 255;  // RFC 4861 §7.1: proof that nobody routed it

struct PortPair {
  uint16_t client;
  uint16_t server;
};
PortPair dhcp_ports(Family family) {
  return family == Family::v4 ? PortPair{68, 67} : PortPair{546, 547};
}

bool is_all_dhcp_servers(const IpAddress& address) {
  constexpr Ipv6 kAllServersAndRelays{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2}};
  return address == IpAddress(Ipv4{{255, 255, 255, 255}}) ||
         address == IpAddress(kAllServersAndRelays);
}

// What lies where its upper layer would be is the middle of something.
bool is_later(const Packet& packet) { return packet.parsed.kind == FrameKind::later_fragment; }

bool is_icmp(const wire::Parsed& parsed) {
  return parsed.protocol == (parsed.family == Family::v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6);
}
uint8_t icmp_code_of(const Packet& packet) {
  if (!is_icmp(packet.parsed) || is_later(packet)) return 0;
  const auto* icmp = packet.at<wire::IcmpHeader>(packet.parsed.l4);
  return icmp ? icmp->code : uint8_t{0};
}

// Both addresses of the packet itself, also where its key is that of a quoted one.
wire::FiveTuple outer_tuple(const Packet& packet) {
  wire::FiveTuple tuple;
  tuple.protocol = packet.parsed.protocol;
  if (packet.parsed.family == Family::v4) {
    if (const auto* ip = packet.at<wire::Ipv4Header>(packet.parsed.l3)) {
      tuple.source.address = ip->source;
      tuple.destination.address = ip->destination;
    }
  } else if (const auto* ip = packet.at<wire::Ipv6Header>(packet.parsed.l3)) {
    tuple.source.address = ip->source;
    tuple.destination.address = ip->destination;
  }
  return tuple;
}

// From its IP header to its end, without Ethernet padding, as far as the first buffer goes. Nothing
// of a later fragment: it is no packet that could have begun its flow.
std::span<const uint8_t> ip_bytes(const Packet& packet) {
  if (is_later(packet)) return {};
  const auto bytes = packet.bytes();
  const size_t end = size_t{packet.parsed.l4} + packet.parsed.l4_length;
  const size_t begin = std::min<size_t>(packet.parsed.l3, bytes.size());
  return bytes.first(std::clamp(end, begin, bytes.size())).subspan(begin);
}

// What rules with expressions look at: the packet itself, or, when it is not the one that began the
// flow (`packet` null), the least one that could have. Made when the first such rule fits.
class Evidence {
 public:
  Evidence(const FlowStart& start, const Packet* packet) : start_(start), packet_(packet) {}
  bool accepts(const Rule& rule) { return !rule.expression || matches(*rule.expression); }

 private:
  [[gnu::noinline]] bool matches(const Expression& expression) {
    if (bytes_.empty() && packet_) bytes_ = ip_bytes(*packet_);
    if (bytes_.empty()) {
      bytes_ = wire::write_start_packet(start_.tuple, start_.family, start_.icmp_type,
                                        start_.icmp_code, room_);
    }
    return expression.matches(bytes_);
  }

  const FlowStart& start_;
  const Packet* packet_;
  std::span<const uint8_t> bytes_;
  std::array<uint8_t, wire::kMaxStartPacket> room_;
};

wire::FiveTuple tuple_of(const Packet& packet) {
  return wire::five_tuple_of(packet.parsed.key, packet.parsed.family, packet.parsed.source_is_high);
}

FlowStart start_of(const Packet& packet) {
  return {packet.parsed.family, tuple_of(packet), packet.parsed.icmp_type, icmp_code_of(packet),
          packet.vni};
}

// As the first packet of the flow was, whichever way this one goes.
FlowStart original_start(const Flow& flow, const wire::FlowKey& key, const Packet& packet) {
  FlowStart start;
  start.family = flow.family();
  start.tuple = wire::five_tuple_of(key, start.family, flow.initiator_is_high);
  start.vni = packet.vni;
  if (flow.timeout != TimeoutClass::icmp) return start;
  start.icmp_type = static_cast<uint8_t>(start.tuple.destination.port);
  const bool original = flow.role_of(packet.parsed.source_is_high) == Role::initiator;
  if (original && packet.parsed.kind != FrameKind::icmp_error)
    start.icmp_code = icmp_code_of(packet);
  return start;
}

bool is_plain_syn(const Packet& packet) {
  const auto* header = packet.at<wire::TcpHeader>(packet.parsed.l4);
  if (packet.parsed.protocol != wire::kProtoTcp || !header || is_later(packet)) return false;
  tcp::Segment segment;
  segment.flags = header->flags;
  return segment.is_plain_syn();
}

// Whether the TCP sequence number in the quoted packet is one that its sender has used lately. The
// number is among the 8 bytes that every quotation has (RFC 792).
bool quotes_plausibly(const Packet& packet, const Flow& flow, Role sender) {
  if (flow.tcp.state == tcp::State::none) return true;
  size_t offset = packet.parsed.l4 + sizeof(wire::IcmpHeader);
  if (packet.parsed.family == Family::v4) {
    const auto* ip = packet.at<wire::Ipv4Header>(offset);
    if (!ip) return false;
    offset += ip->header_length();
  } else {
    const auto* ip = packet.at<wire::Ipv6Header>(offset);
    if (!ip || ip->next_header != wire::kProtoTcp) return false;
    offset += sizeof(wire::Ipv6Header);
  }
  const auto* ports_and_sequence = packet.at<be64>(offset);
  if (!ports_and_sequence) return false;
  const auto sequence = static_cast<uint32_t>(*ports_and_sequence);
  return tcp::may_have_sent(flow.tcp, flow.tcp_track, sender, sequence);
}

void note_rule(Firewall::Trace* trace, std::string_view rule, std::string_view owner) {
  if (!trace) return;
  copy_cut(trace->rule, rule);
  copy_cut(trace->group, owner);
}

// Allowed or denied; and the rule that allows.
Firewall::Out ask_groups(const Nic& nic, Direction direction, const FlowStart& start,
                         Accepts accepts, Firewall::Trace* trace, Match* deciding) {
  const Match match = find_allowing_rule(nic.policy, direction, start, accepts);
  note_rule(trace, match ? match.rule->id : std::string_view(),
            match.group ? match.group->name : std::string_view());
  if (!match) return Firewall::Out::denied;
  if (deciding) *deciding = match;
  return Firewall::Out::allowed;
}

}  // namespace

// The guard list, then the groups: allowed, denied or guard_denied; and the rule that decided.
Firewall::Out Firewall::ask_rules(const Nic& nic, Direction direction, const FlowStart& start,
                                  const Packet* packet, Trace* trace, Match* deciding) const {
  Evidence evidence(start, packet);
  const auto accepts = [&](const Rule* fit) { return evidence.accepts(*fit); };
  const GuardRule* guard = guard_.empty() ? nullptr : guard_.find(direction, start, accepts);
  starts_.refuse_by(guard && guard->action == GuardRule::Action::deny ? &guard->match : nullptr);
  if (!guard || guard->action == GuardRule::Action::groups) {
    return ask_groups(nic, direction, start, accepts, trace, deciding);
  }
  if (deciding) *deciding = {&guard->match, nullptr};
  note_rule(trace, kGuard, guard->match.id);
  return guard->action == GuardRule::Action::allow ? Out::allowed : Out::guard_denied;
}

// What a guest plays is its nic's to allow, firewall or not. The other end, where it is a nic that
// is asked, wants the connection tracked.
Firewall::Out Firewall::bypass(Packet& packet, const Nic& nic) const {
  const wire::Parsed& parsed = packet.parsed;
  if (wire::is_vlan_tag(parsed.ethertype) && !nic.carries_vlans) return Out::tagged;
  if (side_ == Side::to_nic) {
    if (!nics_.find(packet.in_port)) packet.verdicts |= kUntracked;
    return Out::bypassed;
  }
  packet.verdicts |= kUntracked;
  const bool is_v6_signalling = parsed.kind == FrameKind::signalling && parsed.family == Family::v6;
  if (is_v6_signalling && !nic.is_router &&
      (parsed.icmp_type == wire::kIcmpv6RouterAdvertisement ||
       parsed.icmp_type == wire::kIcmpv6MldQuery)) {
    return Out::rogue_router;
  }
  const bool has_key = parsed.kind == FrameKind::flow || wire::is_fragment(parsed.kind);
  if (!has_key || nic.is_dhcp_server || parsed.protocol != wire::kProtoUdp) return Out::bypassed;
  const bool is_rogue = tuple_of(packet).destination.port == dhcp_ports(parsed.family).client;
  return is_rogue ? Out::rogue_dhcp_server : Out::bypassed;
}

void Firewall::track_again(Packet& packet) const {
  const Nic* sender = nics_.find(packet.in_port);
  if (sender && sender->bypasses) packet.verdicts &= static_cast<uint8_t>(~kUntracked);
}

// A connection that was allowed once. Of a datagram in fragments only the first one is answered.
Firewall::Out Firewall::revoked(Out why, const Packet& packet, const Nic& nic) {
  const bool answers = why == Out::denied && nic.policy.rejects && !is_later(packet);
  return answers ? Out::rejected : Out::revoked;
}

// A flooded packet reaches nics that it is not addressed to; they do not become its end. Nor does
// one of several that share the MAC, as long as nobody knows which of them has it.
uint8_t Firewall::bind_bit(const Packet& packet, const Nic& nic) const {
  if (side_ == Side::from_nic) return kBindFrom;
  const auto* ethernet = packet.at<wire::EthernetHeader>(0);
  if (!ethernet) return 0;
  const Mac& destination = ethernet->destination;
  const bool is_known = (packet.verdicts & kFlooded) == 0;
  return destination == nic.mac || (is_known && nic.has_mac(destination)) ? kBindTo : uint8_t{0};
}

// Whether the nic that the flow counts for is still there, in the same life.
bool Firewall::has_owner(const Flow& flow) const {
  const FlowHistory& history = flows_.history(flow);
  const Nic* owner = nics_.find(PortId{history.account});
  return owner && history.verdict(history.owner()).is_of(owner->serial);
}

// A SYN towards the nic may reopen a connection only if its sender was asked in this direction.
bool Firewall::may_reopen(const Packet& packet) const {
  return side_ == Side::from_nic || !nics_.find(packet.in_port) ||
         packet.flow->role_of(packet.parsed.source_is_high) == Role::initiator;
}

Firewall::Out Firewall::judge_flow(Packet& packet, const Nic& nic, Trace* trace) const {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.protocol == wire::kProtoUdp) {
    const auto ends = tuple_of(packet);
    const PortPair dhcp = dhcp_ports(parsed.family);
    if (ends.source.port == dhcp.client && ends.destination.port == dhcp.server) {
      return judge_dhcp(packet, nic, /*from_client=*/true, trace);
    }
    if (ends.source.port == dhcp.server && ends.destination.port == dhcp.client) {
      return judge_dhcp(packet, nic, /*from_client=*/false, trace);
    }
  }
  const bool starts = !packet.flow || (packet.verdicts & kStartsAnew);
  return starts ? judge_start(packet, nic, trace) : judge_known(packet, nic, trace);
}

// The guards run from what ends the question to what asks the rules; the last lines are those of
// a nic that has no part in the flow: what it sends is a start of its own, and so is what is sent
// to it when it is the flow's direction, or when who had begun the flow is gone.
Firewall::Out Firewall::judge_known(Packet& packet, const Nic& nic, Trace* trace) const {
  const Flow* flow = packet.flow;
  if (flow->tcp.is_over() && is_plain_syn(packet) && may_reopen(packet)) {
    return judge_anew(packet, nic, trace);
  }
  const Role role = role_of_nic(*flow, packet);
  const NicVerdict& verdict = verdict_of(*flow, role);
  if (is_current(verdict, nic)) return Out::tracked;
  if (verdict.is_of(nic.serial)) {
    const Out now = judge_again(packet, nic, role, trace, &procedure_of(packet));
    if (now != Out::allowed) return revoked(now, packet, nic);
    packet.verdicts |= side_ == Side::from_nic ? kBindFrom : kBindTo;
    return Out::allowed;
  }
  if (verdict.serial == 0 && role == Role::responder) {
    const Out now = judge_again(packet, nic, role, trace, &procedure_of(packet));
    if (now == Out::allowed) packet.verdicts |= bind_bit(packet, nic);
    if (now == Out::allowed || side_ == Side::to_nic) return now;
  }
  if (side_ == Side::from_nic) return judge_anew(packet, nic, trace);
  const bool original = role == Role::responder;
  const bool may_begin = original || !has_owner(*flow);
  return may_begin && bind_bit(packet, nic) != 0 ? judge_anew(packet, nic, trace) : Out::other_nic;
}

// DHCP clients of a segment share addresses and ports, so no flow can tell them apart. A client
// needs no rule to shout; a unicast renewal that its rules refuse is shouted later (RFC 2131
// §4.4.5).
Firewall::Out Firewall::judge_dhcp(Packet& packet, const Nic& nic, bool from_client,
                                   Trace* trace) const {
  packet.verdicts |= kUntracked;
  const bool leaves = side_ == Side::from_nic;
  if (leaves && !from_client && !nic.is_dhcp_server) return Out::rogue_dhcp_server;
  const bool needs_no_rule =
      leaves ? is_all_dhcp_servers(tuple_of(packet).destination.address) : !from_client;
  if (needs_no_rule && settings_.is_on(Knob::dhcp_without_rules)) return Out::always_allowed;
  return ask_rules(nic, direction(), start_of(packet), &packet, trace);
}

Firewall::Out Firewall::judge_start(Packet& packet, const Nic& nic, Trace* trace) const {
  const wire::Parsed& parsed = packet.parsed;
  if (!parsed.starts_flow) {
    starts_.refuse_by(nullptr);
    return Out::no_connection;
  }
  const FlowStart start = start_of(packet);
  // Clients look at the port that they are asked at, not at the one that asks.
  if (parsed.protocol == wire::kProtoUdp && side_ == Side::from_nic && !nic.is_dhcp_server &&
      start.tuple.destination.port == dhcp_ports(parsed.family).client) {
    starts_.refuse_by(nullptr);
    return Out::rogue_dhcp_server;
  }
  Match match;
  const Out verdict = ask_rules(nic, direction(), start, &packet, trace, &match);
  if (match && !is_later(packet)) starts_.count(*match.rule);
  if (verdict != Out::allowed) return verdict;
  procedure_of(packet) = starts_.lasting(match.rule->procedure);
  if (!is_later(packet)) starts_.note(packet, direction(), match);
  packet.verdicts |= bind_bit(packet, nic);
  return verdict;
}

Firewall::Out Firewall::judge_anew(Packet& packet, const Nic& nic, Trace* trace) const {
  const Nic* sender = side_ == Side::to_nic ? nics_.find(packet.in_port) : nullptr;
  const bool is_asked = (packet.verdicts & kStartsAnew) != 0;
  packet.verdicts |= kStartsAnew;
  if (sender && !is_asked && packet.parsed.starts_flow) {
    const Out out = judge_sender(packet, *sender, trace);
    if (out != Out::allowed) return out;
  }
  return judge_start(packet, nic, trace);
}

// Its nic took the packet for one of a connection that exists: of one that the rules of now do not
// allow (`revalidate` off), or that went the other way. A connection that begins asks them.
Firewall::Out Firewall::judge_sender(Packet& packet, const Nic& sender, Trace* trace) const {
  if (sender.bypasses) return Out::allowed;
  const Role role = packet.flow->role_of(packet.parsed.source_is_high);
  const NicVerdict& verdict = verdict_of(*packet.flow, role);
  if (role == Role::initiator && (packet.verdicts & kBindFrom)) return Out::allowed;
  const bool is_current =
      verdict.is_of(sender.serial) && verdict.generation >= sender.policy.generation;
  if (role == Role::initiator && is_current) {
    packet.procedure_from = verdict.procedure;
    packet.verdicts |= kBindFrom;
    return Out::allowed;
  }
  Match match;
  const Out out = ask_rules(sender, Direction::egress, start_of(packet), &packet, trace, &match);
  if (out != Out::allowed) return out;
  packet.procedure_from = starts_.lasting(match.rule->procedure);
  packet.verdicts |= kBindFrom;
  return Out::allowed;
}

// In the direction of the flow: whichever way this packet goes, the role of the nic counts.
Firewall::Out Firewall::judge_again(const Packet& packet, const Nic& nic, Role role, Trace* trace,
                                    ProcedureSlot* procedure) const {
  const Direction original = role == Role::initiator ? Direction::egress : Direction::ingress;
  Match match;
  const Out verdict =
      ask_rules(nic, original, original_start(*packet.flow, flows_.key_of(*packet.flow), packet),
                nullptr, trace, &match);
  if (match && procedure) *procedure = starts_.lasting(match.rule->procedure);
  return verdict;
}

// RFC 5508 REQ-3 to REQ-5: the quoted packet must be one that the receiver of the error has sent on
// a connection of its own. Passing changes nothing of the connection.
Firewall::Out Firewall::judge_error(const Packet& packet, const Nic& nic, Trace* trace) const {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.family == Family::v4 && parsed.icmp_type == wire::kIcmpSourceQuench) {
    return Out::source_quench;
  }
  if (parsed.family == Family::v4 && parsed.icmp_type == wire::kIcmpRedirect &&
      !settings_.is_on(Knob::allow_redirects)) {
    return Out::redirect;
  }
  const Flow* flow = packet.flow;
  if (!flow) return Out::error_unrelated;
  const Role quoted = flow->role_of(parsed.source_is_high);
  const Role role = side_ == Side::to_nic ? quoted : other(quoted);
  if (!verdict_of(*flow, role).is_of(nic.serial)) return Out::error_unrelated;
  const wire::FiveTuple quote = tuple_of(packet);
  if (outer_tuple(packet).destination.address != quote.source.address ||
      !quotes_plausibly(packet, *flow, quoted)) {
    return Out::error_unrelated;
  }
  if (is_current(verdict_of(*flow, role), nic)) return Out::related;
  return judge_again(packet, nic, role, trace) == Out::allowed ? Out::related : Out::revoked;
}

Firewall::Out Firewall::judge_signalling(const Packet& packet, const Nic& nic, Trace* trace) const {
  const wire::Parsed& parsed = packet.parsed;
  const bool leaves = side_ == Side::from_nic;
  const auto by_rules = [&] {
    const FlowStart start{parsed.family, outer_tuple(packet), parsed.icmp_type,
                          icmp_code_of(packet), packet.vni};
    return ask_rules(nic, direction(), start, &packet, trace);
  };
  if (parsed.family == Family::v4) return by_rules();
  const auto* ip = packet.at<wire::Ipv6Header>(parsed.l3);
  const bool is_near = ip && ip->hop_limit == kNdHopLimit;
  const auto passes_if = [&](Knob knob) {
    return settings_.is_on(knob) ? Out::always_allowed : by_rules();
  };
  switch (parsed.icmp_type) {
    case wire::kIcmpv6NeighbourSolicitation:
    case wire::kIcmpv6NeighbourAdvertisement:
      return is_near ? passes_if(Knob::nd_without_rules) : Out::bad_hop_limit;
    case wire::kIcmpv6RouterSolicitation:
      if (!leaves) return by_rules();
      return is_near ? passes_if(Knob::nd_without_rules) : Out::bad_hop_limit;
    case wire::kIcmpv6RouterAdvertisement:
      if (leaves && !nic.is_router) return Out::rogue_router;
      if (!is_near) return Out::bad_hop_limit;
      return leaves ? by_rules() : passes_if(Knob::ra_without_rules);
    case wire::kIcmpv6MldQuery:
      if (leaves && !nic.is_router) return Out::rogue_router;
      return leaves ? by_rules() : passes_if(Knob::ra_without_rules);
    case wire::kIcmpv6MldReport:
    case wire::kIcmpv6MldDone:
    case wire::kIcmpv6Mldv2Report:
      return leaves ? passes_if(Knob::mld_without_rules) : by_rules();
    case wire::kIcmpv6Redirect:
      return Out::redirect;
    default:
      return by_rules();
  }
}

// As a packet of its flow. One behind the first has the first one's key, so the same rules; what
// they do not let pass has been answered, if at all, at the first.
Firewall::Out Firewall::judge_fragment(Packet& packet, const Nic& nic, Trace* trace) const {
  const Out out = judge_flow(packet, nic, trace);
  if (!is_later(packet)) return with_reject(out, nic);
  const bool is_refused =
      out == Out::denied || out == Out::guard_denied || out == Out::no_connection;
  return is_refused ? Out::first_refused : out;
}

// No rule looks into a tagged frame, so it passes only where every one would.
Firewall::Out Firewall::judge_tagged(const Nic& nic) const {
  const bool passes_all = nic.policy.passes_all[static_cast<size_t>(direction())];
  return nic.carries_vlans && passes_all && !guard_.may_deny_in(nic.vni) ? Out::allowed
                                                                         : Out::tagged;
}

Firewall::Out Firewall::judge_other(Packet& packet, const Nic& nic, Trace* trace) const {
  switch (packet.parsed.kind) {
    case FrameKind::arp:
      return judge_arp();
    case FrameKind::icmp_error:
      return judge_error(packet, nic, trace);
    case FrameKind::signalling:
      return judge_signalling(packet, nic, trace);
    case FrameKind::first_fragment:
    case FrameKind::later_fragment:
      return judge_fragment(packet, nic, trace);
    default: {
      const uint16_t type = packet.parsed.ethertype;
      if (wire::is_vlan_tag(type)) return judge_tagged(nic);
      if (type == wire::kTypeRarp) return judge_arp();
      const bool listed =
          std::find(ethertypes_.begin(), ethertypes_.end(), type) != ethertypes_.end();
      return listed ? Out::always_allowed : Out::not_ip;
    }
  }
}

std::string Firewall::format(const Trace& trace) {
  if (trace.rule[0] == '\0') return {};
  if (std::string_view(trace.rule) == kGuard) return "guard rule " + std::string(trace.group);
  std::string text = "rule " + std::string(trace.rule);
  if (trace.group[0] != '\0') text += " of group " + std::string(trace.group);
  return text;
}

}  // namespace butterfly
