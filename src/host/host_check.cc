// SPDX-License-Identifier: Apache-2.0
// What would become of a packet that nobody has sent: the bricks that decide are asked about it,
// with the snapshot of now and without any connection.
#include <cstring>

#include "bricks/antispoof.h"
#include "bricks/firewall.h"
#include "host/host_impl.h"
#include "wire/start_packet.h"

namespace butterfly {
namespace {

// A MAC for whoever is not on this host (RFC 7042: for documentation, but local).
constexpr Mac kSomebody = Mac::from_u64(0x02'00'5e'00'53'01);

struct PacketOwner {
  void operator()(Packet* packet) const { free_packets(std::span(&packet, 1)); }
};
using OwnPacket = std::unique_ptr<Packet, PacketOwner>;

bool is_icmp(uint8_t protocol) {
  return protocol == wire::kProtoIcmp || protocol == wire::kProtoIcmpv6;
}

wire::FiveTuple tuple_of(const CheckQuery& query, const IpAddress& own) {
  wire::FiveTuple tuple;
  tuple.source.address = query.is_from_nic ? own : query.peer;
  tuple.destination.address = query.is_from_nic ? query.peer : own;
  tuple.protocol = query.protocol;
  tuple.source.port = query.source_port;
  tuple.destination.port = is_icmp(query.protocol) ? query.icmp_type : query.destination_port;
  return tuple;
}

// Asks the brick about the packet; whether it goes on.
template <typename Brick>
bool ask(const char* node, Brick& brick, Packet& packet, TraceReport& report) {
  typename Brick::Trace note{};
  const OutInfo& out = Brick::kOuts[static_cast<size_t>(brick(packet, &note))];
  const bool drops = out.edge == Edge::drop;
  report.steps.push_back({node, out.name, drops, out.sentence, Brick::format(note)});
  return !drops;
}

bool is_answered(const TraceReport& report) {
  const std::string& out = report.steps.back().out;
  return out == "rejected" || out == "asked";
}

}  // namespace

const Nic* HostImpl::nic_with(Vni vni, const IpAddress& address) const {
  for (const auto& [id, slot] : state_.slots.ports.all()) {
    const Nic* nic = state_.snapshot.nics->find(PortId{slot});
    if (nic && nic->vni == vni && nic->owns(address)) return nic;
  }
  return nullptr;
}

StatusOr<CheckReport> HostImpl::check(const CheckQuery& query) const {
  const std::lock_guard lock(state_mutex_);
  const auto slot = state_.slots.ports.find(query.nic);
  if (!slot) return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
  const Nic& nic = *state_.snapshot.nics->find(PortId{*slot});
  std::optional<IpAddress> own = query.address;
  for (const IpAddress& address : nic.addresses) {
    if (!own && address.is_v4() == query.peer.is_v4()) own = address;
  }
  if (!own || own->is_v4() != query.peer.is_v4()) {
    return invalid("nic '" + nic.id + "': check: no address of the family of " +
                   query.peer.to_string() + " (wanted one of its own)");
  }
  const Nic* other = nic_with(nic.vni, query.peer);
  return check(query, tuple_of(query, *own), query.is_from_nic ? &nic : other,
               query.is_from_nic ? other : &nic);
}

StatusOr<CheckReport> HostImpl::check(const CheckQuery& query, const wire::FiveTuple& tuple,
                                      const Nic* from, const Nic* to) const {
  const Nic& own = from ? *from : *to;
  const bool is_v4 = tuple.source.address.is_v4();
  std::array<uint8_t, wire::kMaxStartPacket> room;
  const auto ip = wire::write_start_packet(tuple, is_v4 ? wire::Family::v4 : wire::Family::v6,
                                           query.icmp_type, query.icmp_code, room);
  const OwnPacket packet(pool_.alloc());
  if (!packet) return exhausted("check: no packet buffer is free");
  const wire::EthernetHeader ethernet{to ? to->mac : kSomebody, from ? from->mac : kSomebody,
                                      is_v4 ? wire::kTypeIpv4 : wire::kTypeIpv6};
  const auto length = static_cast<uint16_t>(sizeof ethernet + ip.size());
  char* const bytes = rte_pktmbuf_append(packet.get(), length);
  std::memcpy(bytes, &ethernet, sizeof ethernet);
  std::memcpy(bytes + sizeof ethernet, ip.data(), ip.size());
  packet->reset_facts(from ? from->port : kUplinkPort, own.vni, own.segment);
  packet->out_port = to ? to->port : kUplinkPort;
  if (wire::parse_frame(packet->bytes(), length, own.vni, packet->parsed) !=
          wire::ParseError::none ||
      !packet->parsed.starts_flow) {
    return invalid("nic '" + query.nic +
                   "': check: such a packet begins no connection (wanted one "
                   "that does: of ICMP a query)");
  }
  return walk(*packet, from, to);
}

CheckReport HostImpl::walk(Packet& packet, const Nic* from, const Nic* to) const {
  const Snapshot& snapshot = state_.snapshot;
  Lcore lcore(0, pool_);  // nothing that it counts is anybody's
  lcore.set_now(now());
  const FlowTable no_flows(1, seed_);
  const StartNotes starts(*snapshot.procedures, lcore);
  const auto firewall = [&](Firewall::Side side) {
    return Firewall(side, *snapshot.nics, no_flows, starts, snapshot.firewall, {}, *snapshot.guard);
  };
  Antispoof antispoof(*snapshot.nics, claims_, snapshot.switching[SwitchKnob::nic_link_locals],
                      lcore);
  Firewall firewall_from = firewall(Firewall::Side::from_nic);
  Firewall firewall_to = firewall(Firewall::Side::to_nic);
  CheckReport report;
  report.packet.from = from ? from->id : "uplink";
  report.packet.to = to ? to->id : "uplink";
  report.packet.length = packet.length();
  bool passes = true;
  if (from) {
    passes = ask("antispoof", antispoof, packet, report.packet) &&
             ask("firewall-from", firewall_from, packet, report.packet) &&
             !is_answered(report.packet);
  }
  if (passes && to) {
    passes = ask("firewall-to", firewall_to, packet, report.packet) && !is_answered(report.packet);
  }
  report.passes = passes;
  return report;
}

}  // namespace butterfly
