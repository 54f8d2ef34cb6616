// SPDX-License-Identifier: Apache-2.0
#include "scenarios/intent_lines.h"

#include <set>
#include <sstream>

#include "scenarios/policy_lines.h"

namespace butterfly::scenario {
namespace {

Status read_underlay(LineReader reader, Wanted& wanted) {
  Vtep vtep;
  const std::string& text = reader.next();
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address || slash == std::string::npos) {
    return invalid("'" + text + "' (wanted ADDRESS/LENGTH)");
  }
  vtep.address = *address;
  const StatusOr<uint64_t> length = parse_number(text.substr(slash + 1), 128);
  if (!length.ok()) return length.status();
  vtep.on_link = Cidr(*address, static_cast<unsigned>(*length));
  while (!reader.is_done()) {
    if (reader.accept("mac")) {
      vtep.mac = reader.mac();
    } else if (reader.accept("mtu")) {
      vtep.mtu = reader.number<uint16_t>(65535);
    } else if (reader.accept("also")) {
      vtep.also_on_link.push_back(reader.cidr());
    } else if (reader.accept("gateway")) {
      vtep.gateway = reader.address();
    } else if (reader.accept("port")) {
      vtep.udp_port = reader.number<uint16_t>(65535);
    } else {
      reader.next();
      reader.wanted("mac, mtu, also, gateway or port");
    }
  }
  wanted.options.vtep = vtep;
  return reader.status();
}

Status read_option(LineReader reader, HostOptions& options) {
  const std::string name = reader.next();
  if (name == "lcores") {
    options.cpus.assign(reader.number<size_t>(16), 0);
  } else if (name == "flows") {
    options.flow_capacity = reader.number<uint32_t>(1u << 20);
  } else if (name == "fdb") {
    options.fdb_capacity = reader.number<uint32_t>(1u << 20);
  } else {
    reader.wanted("lcores, flows or fdb");
  }
  return reader.status();
}

// Lists (ip, allow, sg) start anew with the first one that a `set` names; "none" empties them.
Status read_nic_fields(LineReader& reader, NicIntent& nic) {
  std::set<std::string> seen;
  while (!reader.is_done()) {
    const std::string field = reader.next();
    const bool is_first = seen.insert(field).second;
    if (field == "mac") {
      nic.mac = reader.mac();
    } else if (field == "vni") {
      nic.vni = Vni{reader.number<uint32_t>(kVniMax)};
    } else if (field == "ip") {
      if (is_first) nic.addresses.clear();
      if (!reader.accept("none")) nic.addresses.insert(reader.address());
    } else if (field == "allow") {
      if (is_first) nic.allowed.clear();
      if (!reader.accept("none")) nic.allowed.insert(reader.allowed());
    } else if (field == "sg") {
      if (is_first) nic.groups.clear();
      if (!reader.accept("none")) nic.groups.push_back(reader.next());
    } else if (field == "antispoof") {
      nic.antispoof = reader.next() != "no";
    } else if (field == "subnet") {
      if (is_first) nic.subnets.clear();
      if (!reader.accept("none")) nic.subnets.push_back(reader.next());
    } else if (field == "dhcp-server") {
      nic.dhcp_server = reader.next() != "no";
    } else if (field == "router") {
      nic.router = reader.next() != "no";
    } else if (field == "bypass") {
      nic.bypass = reader.next() != "no";
    } else if (field == "carry-vlans") {
      nic.carry_vlans = reader.next() != "no";
    } else if (field == "hostname") {
      nic.hostname = reader.next();
    } else {
      reader.wanted(
          "mac, vni, ip, allow, sg, antispoof, subnet, hostname, dhcp-server, router, bypass or "
          "carry-vlans");
    }
  }
  return reader.status();
}

Status read_nic(LineReader reader, Intent& intent) {
  const bool is_del = reader.accept("del");
  const bool is_set = !is_del && reader.accept("set");
  const std::string& id = reader.next();
  if ((is_del || is_set) && !intent.nics.contains(id)) {
    return invalid("nic '" + id + "' is not there (wanted: nic " + id + " … before)");
  }
  if (is_del) {
    intent.nics.erase(id);
    return reader.status();
  }
  intent.nics[id].id = id;
  return read_nic_fields(reader, intent.nics[id]);
}

Status read_subnet(LineReader reader, Intent& intent) {
  if (reader.accept("del")) {
    if (intent.subnets.erase(reader.next()) == 0) reader.wanted("a subnet that is there");
    return reader.status();
  }
  SubnetIntent subnet;
  subnet.name = reader.next();
  subnet.prefix = reader.cidr();
  while (!reader.is_done()) {
    const std::string field = reader.next();
    if (field == "gateway") {
      subnet.gateway = reader.address();
    } else if (field == "server") {
      subnet.server = reader.address();
    } else if (field == "route") {
      RouteIntent route{reader.cidr(), {}};
      if (reader.accept("via")) route.via = reader.address();
      subnet.routes.push_back(route);
    } else if (field == "dns") {
      subnet.dns.push_back(reader.address());
    } else if (field == "domain") {
      subnet.domains.push_back(reader.next());
    } else if (field == "mtu") {
      subnet.mtu = reader.number<uint16_t>(65535);
    } else if (field == "lease") {
      subnet.lease_s = reader.duration() / 1000;
    } else if (field == "autonomous") {
      subnet.autonomous = true;
    } else if (field == "off-link") {
      subnet.on_link = false;
    } else if (field == "unmanaged") {
      subnet.managed = false;
    } else {
      reader.wanted(
          "gateway, server, route, dns, domain, mtu, lease, autonomous, off-link or unmanaged");
    }
  }
  intent.subnets.set(subnet.name, subnet);
  return reader.status();
}

Status read_peer(LineReader reader, Wanted& wanted) {
  if (reader.accept("del")) {
    if (wanted.intent.peers.erase(reader.address()) == 0) reader.wanted("a peer that is there");
    return reader.status();
  }
  PeerIntent peer{reader.address(), {}};
  while (!reader.is_done()) {
    if (reader.accept("vni")) {
      std::istringstream list(reader.next());
      for (std::string vni; std::getline(list, vni, ',');) {
        const StatusOr<uint64_t> number = parse_number(vni, kVniMax);
        if (!number.ok()) return number.status();
        peer.vnis.insert(Vni{static_cast<uint32_t>(*number)});
      }
    } else if (reader.accept("mac")) {
      wanted.neighbours[peer.address] = reader.mac();
    } else {
      reader.next();
      reader.wanted("vni or mac");
    }
  }
  wanted.intent.peers[peer.address] = peer;
  return reader.status();
}

Status read_fdb(LineReader reader, Intent& intent) {
  const bool is_del = reader.accept("del");
  FdbIntent entry;
  entry.vni = Vni{reader.number<uint32_t>(kVniMax)};
  entry.mac = reader.mac();
  if (is_del) {
    intent.fdb.erase({entry.vni, entry.mac});
    return reader.status();
  }
  entry.peer = reader.address();
  while (!reader.is_done()) {
    if (!reader.accept("ip")) return invalid("fdb (wanted fdb VNI MAC PEER [ip ADDRESS]…)");
    entry.addresses.insert(reader.address());
  }
  intent.fdb[{entry.vni, entry.mac}] = entry;
  return reader.status();
}

void place_near(const std::string& id, const FarGuest& guest, Intent& intent) {
  GroupIntent& group = group_of(intent, id + "-open", true);
  group.rules[rule_id(RuleIntent{})] = RuleIntent{};  // in, anything, from anywhere
  NicIntent& nic = intent.nics[id];
  nic = {};
  nic.id = id;
  nic.mac = guest.mac;
  nic.vni = guest.vni;
  nic.groups = {group.name};
  nic.antispoof = false;
}

void place_far(const std::string& id, const FarGuest& guest, Wanted& wanted) {
  if (!wanted.options.vtep) {
    const Ipv4 ours{{192, 0, 2, 1}};
    Vtep vtep;
    vtep.address = ours;
    vtep.on_link = Cidr(ours, 24);
    vtep.mac = Mac::from_u64(0x02'00'00'00'00'01);
    vtep.mtu = 9000;  // no answer about sizes that there is none of on one host
    wanted.options.vtep = vtep;
  }
  const IpAddress peer(kFarPeer);
  wanted.neighbours[peer] = kFarPeerMac;
  wanted.intent.peers[peer].address = peer;
  wanted.intent.peers[peer].vnis.insert(guest.vni);
  wanted.intent.fdb[{guest.vni, guest.mac}] = {guest.vni, guest.mac, peer};
  wanted.far[id] = guest;
}

Status read_far(LineReader reader, Wanted& wanted) {
  const std::string& id = reader.next();
  FarGuest guest;
  while (!reader.is_done()) {
    if (reader.accept("mac")) {
      guest.mac = reader.mac();
    } else if (reader.accept("vni")) {
      guest.vni = Vni{reader.number<uint32_t>(kVniMax)};
    } else {
      reader.next();
      reader.wanted("mac or vni");
    }
  }
  wanted.is_far_remote ? place_far(id, guest, wanted) : place_near(id, guest, wanted.intent);
  return reader.status();
}

// KEY=VALUE… of the knobs in `rows`.
template <typename Rows, typename Settings>
Status read_knobs(LineReader reader, const Rows& rows, Settings& settings) {
  while (!reader.is_done()) {
    const StatusOr<KnobSetting> setting = parse_knob(rows, reader.next());
    if (!setting.ok()) return setting.status();
    settings.all()[setting->row] = setting->value;
  }
  return reader.status();
}

Status read_segment(LineReader reader, Intent& intent) {
  const bool is_del = reader.accept("del");
  SegmentIntent segment;
  segment.vni = Vni{reader.number<uint32_t>(kVniMax)};
  if (is_del) {
    if (intent.segments.erase(segment.vni) == 0) reader.wanted("a segment that is there");
    return reader.status();
  }
  while (!reader.is_done()) {
    if (reader.accept("gateway")) {
      segment.gateways.insert(reader.mac());
    } else if (reader.accept("suppress")) {
      segment.suppress = true;
    } else if (reader.accept("learn-peers")) {
      segment.learn_peers = true;
    } else if (reader.accept("group")) {
      segment.group = reader.address();
    } else {
      reader.next();
      reader.wanted("gateway, suppress, learn-peers or group");
    }
  }
  intent.segments.set(segment.vni, segment);
  return reader.status();
}

Status read_neighbour(LineReader reader, Wanted& wanted) {
  const IpAddress address = reader.address();
  if (!reader.accept("mac")) return invalid("neighbour (wanted neighbour ADDRESS mac MAC)");
  wanted.neighbours[address] = reader.mac();
  return reader.status();
}

}  // namespace

bool is_intent_line(const Line& line) {
  static const std::set<std::string> verbs{
      "underlay",  "option",    "nic",      "sg",    "peer",   "fdb",    "far",
      "neighbour", "procedure", "firewall", "guard", "subnet", "switch", "segment"};
  return verbs.contains(line.verb());
}

Status apply_intent_line(const Line& line, Wanted& wanted) {
  const LineReader reader(line, 1);
  if (line.verb() == "underlay") return read_underlay(reader, wanted);
  if (line.verb() == "option") return read_option(reader, wanted.options);
  if (line.verb() == "nic") return read_nic(reader, wanted.intent);
  if (line.verb() == "sg") return read_group(reader, wanted.intent);
  if (line.verb() == "guard") return read_guard(reader, wanted.intent);
  if (line.verb() == "procedure") return read_procedure(reader, wanted.intent);
  if (line.verb() == "subnet") return read_subnet(reader, wanted.intent);
  if (line.verb() == "peer") return read_peer(reader, wanted);
  if (line.verb() == "fdb") return read_fdb(reader, wanted.intent);
  if (line.verb() == "firewall") return read_knobs(reader, kFirewallKnobs, wanted.intent.firewall);
  if (line.verb() == "segment") return read_segment(reader, wanted.intent);
  if (line.verb() == "switch") return read_knobs(reader, kSwitchKnobs, wanted.intent.switching);
  if (line.verb() == "far") return read_far(reader, wanted);
  return read_neighbour(reader, wanted);
}

}  // namespace butterfly::scenario
