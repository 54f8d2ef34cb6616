// SPDX-License-Identifier: Apache-2.0
#include "scenarios/intent_lines.h"

#include <charconv>
#include <set>
#include <sstream>

namespace butterfly::scenario {
namespace {

// Reads the words of a line one after the other; the first fault sticks.
class Reader {
 public:
  Reader(const Line& line, size_t start) : line_(line), at_(start) {}

  bool is_done() const { return at_ >= line_.words.size() || !fault_.ok(); }
  const std::string& next() { return line_.word(at_++); }
  // Takes the next word if it is `word`.
  bool accept(const std::string& word) {
    if (line_.word(at_) != word) return false;
    ++at_;
    return true;
  }
  template <typename T>
  T number(uint64_t max) {
    const std::string& text = next();
    const StatusOr<uint64_t> value = parse_number(text, max);
    if (!value.ok()) return fail(value.status()), T{};
    return static_cast<T>(*value);
  }
  Mac mac() { return value_of(Mac::parse(next()), "a MAC address"); }
  IpAddress address() { return value_of(IpAddress::parse(next()), "an address"); }
  Cidr cidr() { return value_of(Cidr::parse(next()), "a prefix"); }
  // PREFIX[,MAC]
  AllowedIntent allowed() {
    const std::string& text = next();
    const size_t comma = text.find(',');
    AllowedIntent one{value_of(Cidr::parse(text.substr(0, comma)), "PREFIX[,MAC]"), std::nullopt};
    if (comma != std::string::npos) {
      one.mac = value_of(Mac::parse(text.substr(comma + 1)), "PREFIX[,MAC]");
    }
    return one;
  }
  uint32_t duration() {
    const StatusOr<uint32_t> value = parse_duration(next());
    if (!value.ok()) return fail(value.status()), 0;
    return *value;
  }
  void fail(const Status& status) {
    if (fault_.ok()) fault_ = status;
  }
  // The word just read is not `what`.
  void wanted(const std::string& what) {
    fail(invalid("'" + line_.word(at_ - 1) + "' (wanted " + what + ")"));
  }
  const Status& status() const { return fault_; }

 private:
  template <typename T>
  T value_of(std::optional<T> value, const std::string& what) {
    if (!value) wanted(what);
    return value.value_or(T{});
  }

  const Line& line_;
  size_t at_;
  Status fault_;
};

Status read_underlay(Reader reader, Wanted& wanted) {
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

Status read_option(Reader reader, HostOptions& options) {
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
Status read_nic_fields(Reader& reader, NicIntent& nic) {
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

Status read_nic(Reader reader, Intent& intent) {
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

// True when `word` says which protocol.
bool read_protocol(const std::string& word, Reader& reader, RuleIntent& rule) {
  static const std::map<std::string, uint8_t> protocols{
      {"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"icmp", 1}, {"icmp6", 58}};
  if (word == "proto") {
    rule.protocol = reader.number<uint8_t>(255);
    return true;
  }
  const auto it = protocols.find(word);
  if (it == protocols.end()) return false;
  rule.protocol = it->second;
  return true;
}

void read_ports(Reader& reader, RuleIntent& rule) {
  const std::string& text = reader.next();
  const size_t dash = text.find('-');
  const StatusOr<uint64_t> first = parse_number(text.substr(0, dash), 65535);
  const StatusOr<uint64_t> last =
      dash == std::string::npos ? first : parse_number(text.substr(dash + 1), 65535);
  if (!first.ok() || !last.ok()) return reader.wanted("PORT or PORT-PORT");
  rule.first_port = static_cast<uint16_t>(*first);
  rule.last_port = static_cast<uint16_t>(*last);
}

StatusOr<RuleIntent> read_rule(Reader& reader) {
  RuleIntent rule;
  const std::string direction = reader.next();
  if (direction != "in" && direction != "out" && direction != "both") {
    reader.wanted("in, out or, of a guard rule, both");
  }
  rule.direction = direction == "in"    ? RuleDirection::ingress
                   : direction == "out" ? RuleDirection::egress
                                        : RuleDirection::both;
  while (!reader.is_done()) {
    const std::string word = reader.next();
    if (word == "any" || word == "v4" || word == "v6") {
      rule.family = word == "any"  ? RuleFamily::any
                    : word == "v4" ? RuleFamily::v4
                                   : RuleFamily::v6;
    } else if (word == "port") {
      read_ports(reader, rule);
    } else if (word == "type") {
      rule.icmp_type = reader.number<uint8_t>(255);
    } else if (word == "code") {
      rule.icmp_code = reader.number<uint8_t>(255);
    } else if (word == "cidr") {
      rule.peer_cidr = reader.cidr();
    } else if (word == "group") {
      rule.peer_group = reader.next();
    } else if (word == "expression") {
      while (!reader.is_done()) {
        rule.expression += (rule.expression.empty() ? "" : " ") + reader.next();
      }
    } else if (word == "procedure") {
      rule.procedure = reader.next();
    } else if (!read_protocol(word, reader, rule)) {
      reader.wanted(
          "any, v4, v6, a protocol, port, type, code, cidr, group, procedure or expression");
    }
  }
  if (!reader.status().ok()) return reader.status();
  return rule;
}

GroupIntent& group_of(Intent& intent, const std::string& name, bool with_defaults) {
  const bool is_new = !intent.groups.contains(name);
  GroupIntent& group = intent.groups[name];
  group.name = name;
  if (is_new && with_defaults) {
    for (const RuleIntent& rule : default_group_rules()) group.rules[rule_id(rule)] = rule;
  }
  return group;
}

Status delete_rule(Reader reader, Intent& intent) {
  const std::string& name = reader.next();
  if (!intent.groups.contains(name)) return invalid("group '" + name + "' is not there");
  const StatusOr<RuleIntent> rule = read_rule(reader);
  if (!rule.ok()) return rule.status();
  if (intent.groups[name].rules.erase(rule_id(*rule)) == 0) {
    return invalid("group '" + name + "' has no such rule");
  }
  return ok_status();
}

Status change_member(Reader reader, Intent& intent) {
  const bool is_add = reader.next() == "add";
  GroupIntent& group = group_of(intent, reader.next(), true);
  const Cidr member = reader.cidr();
  is_add ? void(group.members.insert(member)) : void(group.members.erase(member));
  return reader.status();
}

Status read_group(Reader reader, Intent& intent) {
  if (reader.accept("rule")) {
    if (!reader.accept("del")) return invalid("sg rule (wanted sg rule del, or sg GROUP rule …)");
    return delete_rule(reader, intent);
  }
  if (reader.accept("member")) return change_member(reader, intent);
  if (reader.accept("del")) {
    if (intent.groups.erase(reader.next()) == 0) reader.wanted("a group that is there");
    return reader.status();
  }
  const std::string& name = reader.next();
  const bool is_empty = reader.accept("empty");
  GroupIntent& group = group_of(intent, name, !is_empty);
  if (reader.is_done()) return reader.status();
  if (reader.accept("reject")) {
    group.reject = !reader.accept("no");
    return reader.status();
  }
  if (!reader.accept("rule")) {
    return invalid("sg " + name + " (wanted rule, reject, empty, or nothing)");
  }
  const StatusOr<RuleIntent> rule = read_rule(reader);
  if (!rule.ok()) return rule.status();
  group.rules[rule_id(*rule)] = *rule;
  return ok_status();
}

Status read_guard(Reader reader, Intent& intent) {
  static const std::map<std::string, GuardIntent::Action> actions{
      {"allow", GuardIntent::Action::allow},
      {"deny", GuardIntent::Action::deny},
      {"groups", GuardIntent::Action::groups}};
  if (reader.accept("del")) {
    if (intent.guard.erase(reader.next()) == 0) reader.wanted("a guard rule that is there");
    return reader.status();
  }
  GuardIntent rule;
  rule.key = reader.next();
  rule.priority = reader.number<uint16_t>(65535);
  const auto action = actions.find(reader.next());
  if (action == actions.end()) {
    reader.wanted("allow, deny or groups");
    return reader.status();
  }
  rule.action = action->second;
  if (reader.accept("vni")) rule.vni = Vni{reader.number<uint32_t>(kVniMax)};
  const StatusOr<RuleIntent> match = read_rule(reader);
  if (!match.ok()) return match.status();
  rule.match = *match;
  intent.guard.set(rule.key, rule);
  return ok_status();
}

Status read_procedure(Reader reader, Intent& intent) {
  if (reader.accept("del")) {
    if (intent.procedures.erase(reader.next()) == 0) reader.wanted("a procedure that is there");
    return reader.status();
  }
  ProcedureIntent procedure;
  procedure.name = reader.next();
  while (!reader.is_done()) {
    const std::string field = reader.next();
    if (field == "max-mss") {
      procedure.max_mss = reader.number<uint16_t>(65535);
    } else if (field == "min-ttl") {
      procedure.min_ttl = reader.number<uint8_t>(255);
    } else if (field == "no-df") {
      procedure.no_df = true;
    } else if (field == "random-id") {
      procedure.random_id = true;
    } else if (field == "log") {
      procedure.log = true;
    } else if (field == "packets") {
      procedure.packets_per_s = reader.number<uint64_t>(1'000'000'000);
    } else if (field == "bits") {
      procedure.bits_per_s = reader.number<uint64_t>(1'000'000'000'000);
    } else if (field == "burst") {
      procedure.burst_ms = reader.duration();
    } else {
      reader.wanted("max-mss, min-ttl, no-df, random-id, log, packets, bits or burst");
    }
  }
  intent.procedures.set(procedure.name, procedure);
  return reader.status();
}

Status read_subnet(Reader reader, Intent& intent) {
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

Status read_peer(Reader reader, Wanted& wanted) {
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

Status read_fdb(Reader reader, Intent& intent) {
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

Status read_far(Reader reader, Wanted& wanted) {
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

Status read_firewall(Reader reader, Intent& intent) {
  while (!reader.is_done()) {
    const StatusOr<KnobSetting> setting = parse_knob(kFirewallKnobs, reader.next());
    if (!setting.ok()) return setting.status();
    intent.firewall.all()[setting->row] = setting->value;
  }
  return reader.status();
}

Status read_switch(Reader reader, Intent& intent) {
  while (!reader.is_done()) {
    const StatusOr<KnobSetting> setting = parse_knob(kSwitchKnobs, reader.next());
    if (!setting.ok()) return setting.status();
    intent.switching.all()[setting->row] = setting->value;
  }
  return reader.status();
}

Status read_segment(Reader reader, Intent& intent) {
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

Status read_neighbour(Reader reader, Wanted& wanted) {
  const IpAddress address = reader.address();
  if (!reader.accept("mac")) return invalid("neighbour (wanted neighbour ADDRESS mac MAC)");
  wanted.neighbours[address] = reader.mac();
  return reader.status();
}

}  // namespace

StatusOr<uint64_t> parse_number(const std::string& text, uint64_t max) {
  uint64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error == std::errc() && end == last && number <= max) return number;
  return invalid("'" + text + "' (wanted a number up to " + std::to_string(max) + ")");
}

StatusOr<uint32_t> parse_duration(const std::string& text) {
  static const std::map<std::string, uint64_t> units{
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const size_t end = text.find_first_not_of("0123456789");
  const auto unit = units.find(end == std::string::npos ? "" : text.substr(end));
  const StatusOr<uint64_t> count = parse_number(text.substr(0, end), 1'000'000);
  if (unit == units.end() || !count.ok()) {
    return invalid("'" + text + "' (wanted a time such as 300ms, 31s, 5m, 2h or 5d)");
  }
  return static_cast<uint32_t>(*count * unit->second);
}

bool is_intent_line(const Line& line) {
  static const std::set<std::string> verbs{
      "underlay",  "option",    "nic",      "sg",    "peer",   "fdb",    "far",
      "neighbour", "procedure", "firewall", "guard", "subnet", "switch", "segment"};
  return verbs.contains(line.verb());
}

Status apply_intent_line(const Line& line, Wanted& wanted) {
  const Reader reader(line, 1);
  if (line.verb() == "underlay") return read_underlay(reader, wanted);
  if (line.verb() == "option") return read_option(reader, wanted.options);
  if (line.verb() == "nic") return read_nic(reader, wanted.intent);
  if (line.verb() == "sg") return read_group(reader, wanted.intent);
  if (line.verb() == "guard") return read_guard(reader, wanted.intent);
  if (line.verb() == "procedure") return read_procedure(reader, wanted.intent);
  if (line.verb() == "subnet") return read_subnet(reader, wanted.intent);
  if (line.verb() == "peer") return read_peer(reader, wanted);
  if (line.verb() == "fdb") return read_fdb(reader, wanted.intent);
  if (line.verb() == "firewall") return read_firewall(reader, wanted.intent);
  if (line.verb() == "segment") return read_segment(reader, wanted.intent);
  if (line.verb() == "switch") return read_switch(reader, wanted.intent);
  if (line.verb() == "far") return read_far(reader, wanted);
  return read_neighbour(reader, wanted);
}

}  // namespace butterfly::scenario
