// SPDX-License-Identifier: Apache-2.0
// The stateful firewall of one end: may this packet leave, or reach, the nic?
// Sources: RFC 5508 (ICMP errors), 4890 (ICMPv6), 4861 §6.1, §7.1 (ND), 2131, 8415 (DHCP).
//
// A flow is judged once by the rules, in its own direction: the initiator's nic by its egress
// rules, the responder's by its ingress rules. `record` remembers both verdicts in the flow, with
// the life of the nic and the generation of its policy; a newer policy is asked again at the next
// packet and cuts what it does not allow, without forgetting the flow.
//
// Before the rules of the nic's groups the host's guard list is asked, for every nic.
//
// A nic that bypasses the firewall is not asked, and nothing of it is tracked where nobody else is
// asked either; but it plays neither DHCP server nor router unless it may.
//
// In:   a packet with packet.flow set by `flow`; packet.out_port too, for the side to the nic.
// Out:  packet.verdicts and packet.procedure_… tell `record` what to remember.
// Cost: tracked: the flow's entry and the nic, no rule. Else the guard list (tables/guard_list.h)
//       and a few searches for each group of the nic (tables/ruleset.h).
#pragma once

#include <array>
#include <vector>

#include "graph/brick.h"
#include "graph/note_event.h"
#include "tables/flow_table.h"
#include "tables/guard_list.h"
#include "tables/nic_table.h"

namespace butterfly {

class Firewall {
 public:
  enum class Side : uint8_t {
    from_nic,  // asks the nic the packet came from: egress
    to_nic,    // asks the nic it goes to: ingress
  };
  enum class Out : uint8_t {
    tracked,
    allowed,
    related,
    always_allowed,
    bypassed,
    denied,
    guard_denied,
    revoked,
    rejected,
    no_connection,
    other_nic,
    error_unrelated,
    redirect,
    source_quench,
    rogue_router,
    rogue_dhcp_server,
    bad_hop_limit,
    not_ip,
    arp_off,
    first_refused,
    tagged,
  };
  static constexpr std::array kOuts{
      OutInfo{"tracked", Edge::forward, "of a connection that the rules let start"},
      OutInfo{"allowed", Edge::forward,
              "a rule of the nic's groups, or of the guard list, allows it"},
      OutInfo{"related", Edge::forward, "an ICMP error about a connection of this nic"},
      OutInfo{"always-allowed", Edge::forward,
              "needs no rule: ARP, neighbour discovery, DHCP client, or no nic to ask"},
      OutInfo{"bypassed", Edge::forward, "the nic wants no firewall (bypass)"},
      OutInfo{"denied", Edge::drop, "no rule of the nic's security groups allows it"},
      OutInfo{"guard-denied", Edge::drop, "the host's guard list denies it"},
      OutInfo{"revoked", Edge::drop, "the connection was allowed once, the rules of now do not"},
      OutInfo{"rejected", Edge::forward,
              "denied or revoked; a security group of the nic wants its sender told"},
      OutInfo{"no-connection", Edge::drop, "an answer to a question that was never asked"},
      OutInfo{"other-nic", Edge::drop, "of a connection that another nic, or an earlier one, had"},
      OutInfo{"error-unrelated", Edge::drop, "an ICMP error about no connection of this nic"},
      OutInfo{"redirect", Edge::drop, "an ICMP redirect: it would move a guest's traffic"},
      OutInfo{"source-quench", Edge::drop, "an ICMP source quench: RFC 6633 says discard"},
      OutInfo{"rogue-router", Edge::drop,
              "a guest plays router, RA or MLD query, whose nic says not that it may"},
      OutInfo{"rogue-dhcp-server", Edge::drop,
              "a guest plays DHCP server whose nic says not that it may"},
      OutInfo{"bad-hop-limit", Edge::drop,
              "neighbour discovery that was routed: hop limit not 255"},
      OutInfo{"not-ip", Edge::drop, "neither IP nor ARP, and its EtherType is not on the list"},
      OutInfo{"arp-off", Edge::drop, "ARP, which the host's settings let pass nowhere"},
      OutInfo{"first-refused", Edge::drop, "a fragment whose first one the rules refused"},
      OutInfo{"tagged", Edge::drop,
              "in a VLAN: its nic carries none, or not everything that it may hold is allowed"},
  };
  static constexpr BrickInfo kInfo{"firewall", kOuts};
  // The rule that decided, cut to fit; empty when none was asked or none allows. One of the guard
  // list, which may also deny: `rule` is kGuard, `group` its key.
  static constexpr const char* kGuard = "guard";
  struct Trace {
    char rule[20];
    char group[28];
  };
  static std::string format(const Trace& trace);

  // `flows` and `starts` belong to the lcore. `ethertypes`: what may pass of frames that are
  // neither IP nor ARP. `guard` outlives the brick.
  Firewall(Side side, const NicTable& nics, const FlowTable& flows, const StartNotes& starts,
           const FirewallSettings& settings = {}, std::vector<uint16_t> ethertypes = {},
           const GuardList& guard = kNoGuardList)
      : side_(side),
        revalidates_(settings.is_on(Knob::revalidate)),
        settings_(settings),
        nics_(nics),
        flows_(flows),
        guard_(guard),
        starts_(starts),
        ethertypes_(std::move(ethertypes)) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    const Nic* nic = nics_.find(side_ == Side::from_nic ? packet.in_port : packet.out_port);
    if (!nic) return Out::always_allowed;
    if (nic->bypasses) [[unlikely]]
      return bypass(packet, *nic);
    // Whom it comes from did not want it tracked; this nic does.
    if (side_ == Side::to_nic && (packet.verdicts & kUntracked)) [[unlikely]]
      track_again(packet);
    if (packet.parsed.kind != wire::FrameKind::flow) return judge_other(packet, *nic, trace);
    const Flow* flow = packet.flow;
    if (flow && (packet.verdicts & kStartsAnew) == 0 && !flow->tcp.is_over() &&
        is_current(verdict_of(*flow, role_of_nic(*flow, packet)), *nic)) [[likely]] {
      return Out::tracked;
    }
    return with_reject(judge_flow(packet, *nic, trace), *nic);
  }

 private:
  bool is_current(const NicVerdict& verdict, const Nic& nic) const {
    return verdict.is_of(nic.serial) &&
           (verdict.generation >= nic.policy.generation || !revalidates_);
  }
  const NicVerdict& verdict_of(const Flow& flow, Role role) const {
    return flows_.history(flow).verdict(role);
  }
  Role role_of_nic(const Flow& flow, const Packet& packet) const {
    const Role sender = flow.role_of(packet.parsed.source_is_high);
    return side_ == Side::from_nic ? sender : other(sender);
  }

  // What the guard list refuses stays unanswered.
  static Out with_reject(Out out, const Nic& nic) {
    return nic.policy.rejects && out == Out::denied ? Out::rejected : out;
  }
  static Out revoked(Out why, const Packet& packet, const Nic& nic);
  ProcedureSlot& procedure_of(Packet& packet) const {
    return side_ == Side::from_nic ? packet.procedure_from : packet.procedure_to;
  }
  // `packet` is the one that `start` was made of; null: what began the flow is gone.
  Out ask_rules(const Nic& nic, Direction direction, const FlowStart& start, const Packet* packet,
                Trace* trace, Match* deciding = nullptr) const;
  Out bypass(Packet& packet, const Nic& nic) const;
  void track_again(Packet& packet) const;
  Out judge_flow(Packet& packet, const Nic& nic, Trace* trace) const;
  [[gnu::noinline]] Out judge_known(Packet& packet, const Nic& nic, Trace* trace) const;
  Out judge_fragment(Packet& packet, const Nic& nic, Trace* trace) const;
  Out judge_dhcp(Packet& packet, const Nic& nic, bool from_client, Trace* trace) const;
  Out judge_start(Packet& packet, const Nic& nic, Trace* trace) const;
  Out judge_anew(Packet& packet, const Nic& nic, Trace* trace) const;
  Out judge_sender(Packet& packet, const Nic& sender, Trace* trace) const;
  Out judge_again(const Packet& packet, const Nic& nic, Role role, Trace* trace,
                  ProcedureSlot* procedure = nullptr) const;
  Out judge_error(const Packet& packet, const Nic& nic, Trace* trace) const;
  Out judge_signalling(const Packet& packet, const Nic& nic, Trace* trace) const;
  Out judge_tagged(const Nic& nic) const;
  Out judge_arp() const {
    return settings_.is_on(Knob::arp_without_rules) ? Out::always_allowed : Out::arp_off;
  }
  Out judge_other(Packet& packet, const Nic& nic, Trace* trace) const;
  Direction direction() const {
    return side_ == Side::from_nic ? Direction::egress : Direction::ingress;
  }
  bool has_owner(const Flow& flow) const;
  bool may_reopen(const Packet& packet) const;
  uint8_t bind_bit(const Packet& packet, const Nic& nic) const;

  Side side_;
  bool revalidates_;
  FirewallSettings settings_;
  const NicTable& nics_;
  const FlowTable& flows_;
  const GuardList& guard_;
  const StartNotes& starts_;
  std::vector<uint16_t> ethertypes_;
};
static_assert(DecidingBrick<Firewall>);

}  // namespace butterfly
