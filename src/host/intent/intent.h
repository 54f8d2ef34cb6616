// SPDX-License-Identifier: Apache-2.0
// Intent: what the operator asked for, as plain values. Knows neither DPDK nor gRPC.
//
// The whole of it is one value: changing the host means making a new Intent from the old one and
// handing it to Host::apply, which takes all of it or nothing. Intents share what they have in
// common, so a copy costs nothing, and what a change differs in is found in the time of the change
// (difference.h), however much else there is.
#pragma once

#include <compare>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/firewall_settings.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/mac.h"
#include "base/shared_map.h"
#include "base/status.h"
#include "base/switch_settings.h"

namespace butterfly {

enum class NicType : uint8_t { vhost_user, tap };

// What a nic may use besides its own; several nics may list the same. Any of its addresses goes
// with any of its MACs.
struct AllowedIntent {
  Cidr prefix;
  std::optional<Mac> mac;
  friend auto operator<=>(const AllowedIntent&, const AllowedIntent&) = default;
};

struct NicIntent {
  std::string id;  // 1..64 of [A-Za-z0-9._-], starts with a letter or digit
  Mac mac;
  Vni vni;
  NicType type = NicType::vhost_user;
  std::set<IpAddress> addresses;
  std::set<AllowedIntent> allowed;
  std::vector<std::string> groups;  // in the operator's order, no doubles; may name later groups
  bool antispoof = true;
  std::string tap_name;       // of a tap: kernel interface name; empty means the nic's id
  bool vhost_server = false;  // of vhost-user: we listen and QEMU connects, not the other way round
  uint16_t queues = 1;        // of vhost-user: queue pairs that QEMU has, 1 to 16
  bool packed = false;        // of vhost-user: offer packed rings
  uint16_t mtu = 0;           // the guest is told, 576 to 9,000; 0: what the host thinks right
  std::vector<std::string> subnets;  // what its guest is told by DHCP; no doubles
  std::string hostname;              // told by DHCP; empty: none
  bool dhcp_server = false;          // its guest may be one
  bool router = false;               // its guest may advertise itself as one
  bool bypass = false;               // no firewall of ours guards it, or others from it
  bool carry_vlans = false;          // frames with VLAN tags pass, to others that carry them

  // Of a tap: the kernel's name for it.
  const std::string& kernel_name() const { return tap_name.empty() ? id : tap_name; }
  friend bool operator==(const NicIntent&, const NicIntent&) = default;
};

enum class RuleDirection : uint8_t { ingress, egress, both };  // both: of guard rules only
enum class RuleFamily : uint8_t { any, v4, v6 };

struct RuleIntent {
  RuleDirection direction = RuleDirection::ingress;
  RuleFamily family = RuleFamily::any;
  std::optional<uint8_t> protocol;     // empty: any
  std::optional<uint16_t> first_port;  // TCP, UDP, SCTP: both or none
  std::optional<uint16_t> last_port;
  std::optional<uint8_t> icmp_type;  // ICMP, ICMPv6
  std::optional<uint8_t> icmp_code;  // only with icmp_type
  std::optional<Cidr> peer_cidr;     // at most one of peer_cidr and peer_group
  std::string peer_group;
  std::string expression;  // pcap-filter(7) that the first packet must match; empty: any
  std::string key;         // the operator's name for it, once in its group; empty: none
  std::string procedure;   // what is done to the packets of its connections; empty: nothing
  std::string description;
  friend bool operator==(const RuleIntent&, const RuleIntent&) = default;
};

// The stable name of a rule: 16 hexadecimal digits of a hash over its key, or if it has none over
// every field but the description. So a rule takes the place of one of the same key. The same on
// every build and host.
std::string rule_id(const RuleIntent& rule);

struct GroupIntent {
  std::string name;                          // as NicIntent::id
  SharedMap<std::string, RuleIntent> rules;  // by rule_id
  SharedSet<Cidr> members;                   // listed by the operator, in every segment
  bool reject = false;                       // tell whoever its nics refuse, instead of silence
  friend bool operator==(const GroupIntent&, const GroupIntent&) = default;
};
// The two rules that a new group carries: everything out, IPv4 and IPv6.
std::vector<RuleIntent> default_group_rules();

// What is done to the packets of connections that a rule with its name let start. Zero: not done.
struct ProcedureIntent {
  std::string name;            // as NicIntent::id
  uint16_t max_mss = 0;        // bytes, 64 to 65,535
  uint8_t min_ttl = 0;         // 1 to 255
  bool no_df = false;          // clear IPv4's DF
  bool random_id = false;      // random IPv4 identification
  uint64_t packets_per_s = 0;  // for each nic, 1 to 10^9
  uint64_t bits_per_s = 0;     // for each nic, 8,000 to 10^12
  uint32_t burst_ms = 100;     // of the rates, 1 to 10,000
  bool log = false;            // tell of the first packet
  friend bool operator==(const ProcedureIntent&, const ProcedureIntent&) = default;
};

// Behind which address a prefix lies.
struct RouteIntent {
  Cidr prefix;
  std::optional<IpAddress> via;  // empty: on link
  friend bool operator==(const RouteIntent&, const RouteIntent&) = default;
};

// What the guests of nics that name it are told about the network around them.
struct SubnetIntent {
  static constexpr uint32_t kStandardLeaseS = 86'400;

  std::string name;  // as NicIntent::id
  Cidr prefix;
  std::optional<IpAddress> gateway;  // in the prefix, like `server`
  std::optional<IpAddress> server;   // by which guests know the DHCP server; empty: the gateway
  std::vector<RouteIntent> routes;   // besides the default one; each prefix once
  std::vector<IpAddress> dns;
  std::vector<std::string> domains;  // searched for names; the first is the guest's own
  uint16_t mtu = 0;                  // 0: what fits the underlay
  uint32_t lease_s = kStandardLeaseS;
  // Of IPv6:
  bool on_link = true;      // all of the prefix is reached without a router
  bool autonomous = false;  // guests may make addresses of it themselves
  bool managed = true;      // guests have their addresses by DHCPv6
  friend bool operator==(const SubnetIntent&, const SubnetIntent&) = default;
};

// A peer VTEP and the segments that it serves: it gets their flooded frames.
struct PeerIntent {
  IpAddress address;
  std::set<Vni> vnis;
  friend bool operator==(const PeerIntent&, const PeerIntent&) = default;
};

// A MAC that is known to live behind a peer.
struct FdbIntent {
  Vni vni;
  Mac mac;
  IpAddress peer;
  std::set<IpAddress> addresses = {};  // of the station, for who asks
  friend bool operator==(const FdbIntent&, const FdbIntent&) = default;
};

// What is particular about a tenant segment.
struct SegmentIntent {
  Vni vni;
  std::set<Mac> gateways;    // the only ones that its guests reach; none: everybody
  bool suppress = false;     // answer ARP and neighbour solicitations from intent
  bool learn_peers = false;  // who speaks for it becomes its peer
  std::optional<IpAddress> group =
      {};  // of the underlay: where flooded frames go; none: to each peer
  friend bool operator==(const SegmentIntent&, const SegmentIntent&) = default;
};

// A rule of the host's guard list, which is judged before any security group.
struct GuardIntent {
  enum class Action : uint8_t { allow, deny, groups };

  GuardIntent() { match.direction = RuleDirection::both; }

  std::string key;        // the operator's name for it, as NicIntent::id
  uint16_t priority = 0;  // the lowest is judged first; those that have the same by key
  Action action = Action::deny;
  Vni vni;           // 0: every segment
  RuleIntent match;  // without group, key, procedure and description
  std::string description;
  friend bool operator==(const GuardIntent&, const GuardIntent&) = default;
};

struct Intent {
  SharedMap<std::string, NicIntent> nics;      // by id
  SharedMap<std::string, GroupIntent> groups;  // by name
  SharedMap<IpAddress, PeerIntent> peers;      // by address
  SharedMap<std::pair<Vni, Mac>, FdbIntent> fdb;
  SharedMap<std::string, ProcedureIntent> procedures;  // by name
  SharedMap<std::string, GuardIntent> guard;           // by key
  SharedMap<std::string, SubnetIntent> subnets;        // by name
  SharedMap<Vni, SegmentIntent> segments;              // by VNI
  FirewallSettings firewall;
  SwitchSettings switching;
  friend bool operator==(const Intent&, const Intent&) = default;
};

// Checks everything that can be known without the host: names, ranges, doubles, references.
// The first fault found, in the order of the maps, as object + fact + wanted.
Status validate(const Intent& intent);

}  // namespace butterfly
