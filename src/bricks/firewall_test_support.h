// SPDX-License-Identifier: Apache-2.0
// A segment for tests of flow, firewall and record: the guest "vm" and its peer "p", on this host
// or behind a tunnel, with a switch that knows both MACs and floods the rest.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "bricks/firewall.h"
#include "bricks/flow.h"
#include "bricks/record.h"
#include "support/eal.h"
#include "support/packet_text.h"
#include "support/rule_group.h"

namespace butterfly::test {

inline constexpr PortId kVmPort{1};
inline constexpr PortId kPeerPort{2};
inline constexpr PortId kThirdPort{3};
inline const Mac kVmMac = Mac::from_u64(0x525400000005);
inline const Mac kPeerMac = Mac::from_u64(0x525400000009);
inline const Mac kThirdMac = Mac::from_u64(0x525400000077);

inline constexpr uint16_t kListedType = 0x88cc;  // LLDP: may reach a guest

inline Rule allow(void (*edit)(Rule&) = [](Rule&) {}) {
  Rule rule;
  rule.id = "0123456789abcdef";
  edit(rule);
  return rule;
}
inline Rule allow_port(uint8_t protocol, uint16_t first, uint16_t last = 0) {
  Rule rule = allow();
  rule.protocol = protocol;
  rule.first_port = first;
  rule.last_port = last == 0 ? first : last;
  return rule;
}
inline std::shared_ptr<const RuleGroup> group_of(std::vector<Rule> ingress,
                                                 std::vector<Rule> egress,
                                                 const Members& members = {}) {
  return make_group("web", std::move(ingress), std::move(egress), members);
}

class FirewallWorld {
 public:
  enum class Peer { local, remote };
  enum class Burst { alone, crowded };

  explicit FirewallWorld(Peer peer = Peer::remote, Burst burst = Burst::alone,
                         uint32_t capacity = 1000)
      : peer_(peer), burst_(burst), flows(capacity, seed) {
    lcore.set_now(1'000'000);
    set_nic("vm", kVmPort, kVmMac, {});
    if (peer == Peer::local) set_nic("p", kPeerPort, kPeerMac, {group_of({allow()}, {allow()})});
  }

  // A new policy of a nic; with `renew` also a new life of it.
  void set_nic(const std::string& id, PortId port, Mac mac,
               std::vector<std::shared_ptr<const RuleGroup>> groups, bool renew = false) {
    auto nic = std::make_shared<Nic>();
    const Nic* old = nics.find(port);
    nic->id = id;
    nic->port = port;
    nic->serial = old && !renew ? old->serial : NicSerial{++last_serial_};
    nic->vni = Vni{7};
    nic->mac = mac;
    nic->policy.groups = std::move(groups);
    nic->policy.generation = nic->generation = ++generation_;
    nics.set(std::move(nic));
  }
  void set_vm(std::vector<Rule> ingress, std::vector<Rule> egress) {
    set_nic("vm", kVmPort, kVmMac, {group_of(std::move(ingress), std::move(egress))});
  }
  void renew_vm() {
    set_nic("vm", kVmPort, kVmMac, nics.find(kVmPort)->policy.groups, /*renew=*/true);
  }
  void wait(uint32_t ms) { lcore.set_now(lcore.now() + ms); }
  PortId peer_port() const { return peer_ == Peer::local ? kPeerPort : kUplinkPort; }

  // Sends one packet; what became of it: "pass", or the name of the drop. Of a flooded packet, what
  // became of the copy for `kVmPort`.
  std::string send(PortId from, const std::string& text) { return send({{from, text}})[0]; }
  std::string in(const std::string& text) { return send(peer_port(), text); }
  std::string out(const std::string& text) { return send(kVmPort, text); }

  struct Sent {
    PortId from;
    std::string text;
  };
  // Sends packets as one burst: every brick sees all of them before the next brick runs.
  std::vector<std::string> send(const std::vector<Sent>& burst) {
    std::vector<Packet*> packets;
    std::vector<std::string> fates(burst.size());
    if (burst_ == Burst::crowded) {
      for (uint16_t i = 0; packets.size() + burst.size() < kBurst; ++i) {
        packets.push_back(prepared(kUplinkPort, unrelated(i)));
      }
    }
    std::vector<Packet*> sent;
    for (size_t i = 0; i < burst.size(); ++i) {
      sent.push_back(prepared(burst[i].from, burst[i].text));
      if (!sent[i]) fates[i] = "malformed";
      if (sent[i]) packets.push_back(sent[i]);
    }
    walk(packets);
    for (size_t i = 0; i < sent.size(); ++i) {
      if (sent[i]) fates[i] = fate_of(*sent[i]);
    }
    free_packets(packets);
    return fates;
  }
  // What became of the last burst's first flooded packet, by the port of the copy.
  const std::map<uint16_t, std::string>& copies() const { return copies_; }
  Flow* flow_of(const std::string& text) {
    Packet* packet = prepared(kVmPort, text);
    flow.prepare(std::span(&packet, 1));
    flow(*packet, nullptr);
    Flow* found = packet->flow;
    free_packets(std::span(&packet, 1));
    return found;
  }

 private:
  Peer peer_;
  Burst burst_;
  uint64_t last_serial_ = 0;
  Generation generation_ = 0;
  std::map<const Packet*, std::string> fates_;
  std::map<uint16_t, std::string> copies_;

 public:
  Lcore lcore{0, pool()};
  NicTable nics;
  wire::HashSeed seed{{1, 2}};
  FlowTable flows;
  FlowRates rates;
  std::vector<const FlowAccounts*> all_accounts{&flows.accounts()};
  FlowAdmission admission{flows, all_accounts, rates};
  RouteTable routes{seed};
  Fdb fdb{8, {}, seed};
  SegmentTable segments;
  Vtep vtep;
  // Every packet walks here; the scenarios hold the shortcut against that.
  Shortcut shortcut{{flows, routes, fdb, nics, segments, vtep}, 1, lcore, /*enabled=*/false};
  FlowLookup flow{flows, shortcut, lcore, 1};
  GuardList guard;
  ProcedureTable procedures;
  StartNotes starts{procedures, lcore};
  Firewall from{Firewall::Side::from_nic, nics, flows, starts, {}, {}, guard};
  Firewall to{Firewall::Side::to_nic, nics, flows, starts, {}, {kListedType}, guard};
  Record record{flows, admission, nics, shortcut, lcore};
  Firewall::Trace note{};  // of the last firewall brick that asked a rule

 private:
  static std::string unrelated(uint16_t i) {
    return "eth(src=52:54:00:00:01:01, dst=52:54:00:00:01:02)/ipv4(src=10.9.0.1, dst=10.9.0.2)/"
           "udp(sport=" +
           std::to_string(1000 + i) + ", dport=9)";
  }
  // Null when the parser refuses it.
  Packet* prepared(PortId port, const std::string& text) {
    Packet* packet = make_packet(text);
    packet->reset_facts(port);
    packet->vni = Vni{7};
    if (wire::parse_frame(packet->bytes(), packet->length(), packet->vni, packet->parsed) ==
        wire::ParseError::none) {
      return packet;
    }
    free_packets(std::span(&packet, 1));
    return nullptr;
  }
  void walk(const std::vector<Packet*>& packets) {
    fates_.clear();
    copies_.clear();
    flow.prepare(packets);
    for (Packet* packet : packets) {
      const auto out = flow(*packet, nullptr);
      EXPECT_EQ(out, packet->in_port == kUplinkPort ? FlowLookup::Out::from_wire
                                                    : FlowLookup::Out::from_guest);
      if (out == FlowLookup::Out::from_guest) judge(from, *packet);
    }
    for (Packet* packet : packets) switch_to_next(*packet);
    for (Packet* packet : packets) {
      if (packet->out_port != kNoPort) judge(to, *packet);
    }
    for (Packet* packet : packets) {
      if (packet->out_port != kNoPort) store(*packet);
    }
    admission.settle();
  }
  void judge(Firewall& brick, Packet& packet) {
    if (is_dropped(packet)) return;
    Firewall::Trace trace{};
    const auto out = brick(packet, &trace);
    if (trace.rule[0] != '\0') note = trace;
    set_fate(packet, Firewall::kOuts[static_cast<size_t>(out)]);
  }
  void store(Packet& packet) {
    if (is_dropped(packet)) return;
    const auto out = record(packet, nullptr);
    if (out == Record::Out::to_guest || out == Record::Out::to_wire) {
      EXPECT_EQ(out == Record::Out::to_wire, packet.out_port == kUplinkPort);
    }
    set_fate(packet, Record::kOuts[static_cast<size_t>(out)]);
  }
  void switch_to_next(Packet& packet) {
    if (is_dropped(packet)) return;
    const Mac mac = packet.at<wire::EthernetHeader>(0)->destination;
    for (const PortId port : {kVmPort, kPeerPort, kThirdPort}) {
      if (nics.find(port) && nics.find(port)->mac == mac) packet.out_port = port;
    }
    if (packet.out_port == kNoPort && mac == kPeerMac) packet.out_port = kUplinkPort;
    if (packet.out_port == kNoPort) flood(packet);
  }
  void flood(Packet& packet) {
    for (const PortId port : {kUplinkPort, kThirdPort, kPeerPort, kVmPort}) {
      if (port == packet.in_port || (port != kUplinkPort && !nics.find(port))) continue;
      Packet* copy = clone_packet(packet, pool());
      copy->out_port = port;
      judge(to, *copy);
      store(*copy);
      copies_[port.value] = fate_of(*copy);
      fates_.erase(copy);
      free_packets(std::span(&copy, 1));
    }
    fates_[&packet] = copies_[(packet.in_port == kVmPort ? kUplinkPort : kVmPort).value];
  }
  void set_fate(const Packet& packet, const OutInfo& out) {
    fates_[&packet] = out.edge == Edge::drop ? out.name : "pass";
  }
  bool is_dropped(const Packet& packet) { return fate_of(packet) != "pass"; }
  std::string fate_of(const Packet& packet) {
    const auto it = fates_.find(&packet);
    return it == fates_.end() ? "pass" : it->second;
  }
  static void free_packets(std::vector<Packet*> packets) {
    butterfly::free_packets(std::span(packets));
  }
  static void free_packets(std::span<Packet*> packets) { butterfly::free_packets(packets); }
};

}  // namespace butterfly::test
