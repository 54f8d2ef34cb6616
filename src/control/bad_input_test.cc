// SPDX-License-Identifier: Apache-2.0
// Every field of every request, with values that are none: the answer names object, fact and what
// was wanted, and nothing has changed. A field that has no row here fails the test.
#include <gmock/gmock.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>

#include "butterfly/v1/butterfly.grpc.pb.h"
#include "control/fake_host.h"
#include "control/fake_settings.h"
#include "control/raw_call.h"
#include "control/server.h"
#include "control/sqlite_store.h"
#include "control/test_directory.h"

namespace butterfly {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using grpc::StatusCode;

// A value that is refused, and what the refusal says.
struct Bad {
  std::string value;
  std::string message;
  StatusCode code = StatusCode::INVALID_ARGUMENT;
};

struct Row {
  std::string field;    // "Nic.mtu"
  std::string call;     // of the API
  std::string request;  // as text, with $ where the value stands
  std::vector<Bad> bad;
  std::vector<std::string> good;  // the limits, and what is just within
};

// Fields that may say anything: flags, filters that match nothing, numbers whose every value
// counts.
const std::set<std::string> kAnything{
    "Nic.antispoof",
    "Nic.dhcp_server",
    "Nic.carry_vlans",
    "Nic.router",
    "Nic.bypass",
    "NicUpdate.antispoof",
    "NicUpdate.dhcp_server",
    "NicUpdate.carry_vlans",
    "NicUpdate.router",
    "NicUpdate.bypass",
    "Group.reject",
    "GroupSettings.reject",
    "GroupDelete.force",
    "Procedure.no_df",
    "Procedure.random_id",
    "Procedure.log",
    "Segment.learn_peers",
    "Segment.suppress",
    "Subnet.autonomous",
    "Subnet.managed",
    "Subnet.on_link",
    "ApplyRequest.dry_run",
    "ReplaceRequest.dry_run",
    "ListStationsRequest.learnt_only",
    "ListStationsRequest.limit",
    "ListConnectionsRequest.limit",
    "ConnectionFilter.half_open",
    "GetCountersRequest.drops_only",
    "ListNicsRequest.page_size",
    "ListNicsRequest.page_token",
    "ListGroupsRequest.page_size",
    "ListGroupsRequest.page_token",
    "ListPeersRequest.page_size",
    "ListFdbRequest.page_size",
    "ListSubnetsRequest.page_size",
    "ListSubnetsRequest.page_token",
    "TraceRequest.count",
    "WatchLogRequest.count",
    "WatchEventsRequest.nic",
    "WatchEventsRequest.after",
    "WatchEventsRequest.follow",
    "WatchEventsRequest.count",
    "CaptureRequest.expression",  // which the host compiles
    "CaptureRequest.count",
    "ConnectionExport.nic",
    "TcpEnd.max_end",
};

constexpr const char* kBase = R"(
changes { procedure_put { name: "slow" max_mss: 1200 } }
changes { subnet_put { name: "lan" prefix: "10.0.0.0/24" gateway: "10.0.0.254" } }
changes { nic_put { id: "a" mac: "52:54:00:00:00:01" vni: 42 addresses: "10.0.0.1" groups: "web"
                    subnets: "lan" } }
changes { nic_put { id: "t" mac: "52:54:00:00:00:02" vni: 42 type: NIC_TYPE_TAP tap_name: "tap7" } }
changes { group_put { name: "web" members: "10.0.0.9"
                      rules { key: "slow" protocol: 6 procedure: "slow" } } }
changes { peer_put { address: "192.0.2.2" vnis: 42 } }
changes { fdb_put { vni: 42 mac: "52:54:00:00:00:99" peer: "192.0.2.2" } }
changes { guard_put { key: "g" action: GUARD_ACTION_DENY } }
changes { segment_put { vni: 42 suppress: true } }
)";

const std::string kName = "(wanted 1..64 of [A-Za-z0-9._-], starting with a letter or digit)";
const std::string kVni = "(wanted 1..16777215)";
const std::string kMac = "(wanted six hexadecimal pairs, as in 52:54:00:12:34:56)";
const std::string kLong(65, 'x');

// Names, with what stands before them in the message.
std::vector<Bad> bad_names(const std::string& before, const std::string& after = "") {
  return {{"", before + after + ": name is empty " + kName},
          {kLong, before + kLong + after + ": name has 65 characters " + kName},
          {"-x", before + "-x" + after + ": name is malformed " + kName},
          {"x/y", before + "x/y" + after + ": name is malformed " + kName}};
}
const std::vector<std::string> kGoodNames{"x", std::string(64, 'x'), "0.a_b-c"};

std::vector<Bad> bad_macs(const std::string& what) {
  return {
      {"", what + ": MAC '' is malformed " + kMac},
      {"52:54:00:00:00", what + ": MAC '52:54:00:00:00' is malformed " + kMac},
      {"52:54:00:00:00:0g", what + ": MAC '52:54:00:00:00:0g' is malformed " + kMac},
      {"00:00:00:00:00:00", what + ": MAC is zero (wanted a unicast address)"},
      {"01:00:5e:00:00:01", what + ": MAC 01:00:5e:00:00:01 is a group address (wanted unicast)"}};
}

std::vector<Bad> bad_vnis(const std::string& what) {
  return {{"0", what + ": VNI 0 names no segment " + kVni},
          {"16777216", what + ": VNI 16777216 exceeds 24 bits " + kVni},
          {"4294967295", what + ": VNI 4294967295 exceeds 24 bits " + kVni}};
}
const std::vector<std::string> kGoodVnis{"1", "16777215"};

// A host's own addresses.
std::vector<Bad> bad_addresses(const std::string& what, bool may_be_prefix = false) {
  const std::string wanted = may_be_prefix
                                 ? "(wanted an IPv4 or IPv6 address, or ADDRESS/LENGTH with clear "
                                   "host bits)"
                                 : "(wanted an IPv4 or IPv6 address without prefix length)";
  std::vector<Bad> bad{
      {"", what + ": address '' is malformed " + wanted},
      {"10.0.0.300", what + ": address '10.0.0.300' is malformed " + wanted},
      {"0.0.0.0", what + ": address 0.0.0.0 is no host's own (wanted unicast)"},
      {"224.0.0.1", what + ": address 224.0.0.1 is no host's own (wanted unicast)"},
      {"ff02::1", what + ": address ff02::1 is no host's own (wanted unicast)"}};
  if (may_be_prefix) {
    bad.push_back({"10.0.0.1/8", what + ": address '10.0.0.1/8' is malformed " + wanted});
  } else {
    bad.push_back({"10.0.0.0/8", what + ": address '10.0.0.0/8' is malformed " + wanted});
  }
  return bad;
}

// Where the refusal is of one text, with $ for the value.
std::vector<Bad> each(const std::vector<std::string>& values, const std::string& message,
                      StatusCode code = StatusCode::INVALID_ARGUMENT) {
  std::vector<Bad> bad;
  for (const std::string& value : values) {
    bad.push_back({value, std::regex_replace(message, std::regex("\\$"), value), code});
  }
  return bad;
}
std::vector<Bad> operator+(std::vector<Bad> one, const std::vector<Bad>& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}
std::vector<Bad> nobody(const std::string& object) {
  return each({"", "nobody"}, object + " '$': not found (wanted one of ours)",
              StatusCode::NOT_FOUND);
}

std::string nic(const std::string& fields) {
  return "changes { nic_put { id: \"x\" mac: \"52:54:00:00:00:0f\" vni: 42 " + fields + " } }";
}
std::string update(const std::string& fields) {
  return "changes { nic_update { id: \"t\" " + fields + " } }";
}
std::string group(const std::string& fields) {
  return "changes { group_put { name: \"x\" " + fields + " } }";
}
std::string rule(const std::string& fields) {
  return "changes { rule_add { group: \"web\" rule { " + fields + " } } }";
}
std::string guard(const std::string& fields) {
  return "changes { guard_put { key: \"x\" action: GUARD_ACTION_DENY " + fields + " } }";
}
std::string procedure(const std::string& fields) {
  return "changes { procedure_put { name: \"x\" " + fields + " } }";
}
std::string subnet(const std::string& fields) {
  return "changes { subnet_put { name: \"x\" prefix: \"10.1.0.0/16\" gateway: \"10.1.0.1\" " +
         fields + " } }";
}
std::string import(const std::string& fields) {
  return "nic: \"a\" part { version: 1 vni: 42 " + fields + " }";
}
std::string imported(const std::string& fields, const std::string& initiator = "",
                     const std::string& tcp = "") {
  const std::string numbers = "tcp { end: 5 max_end: 9 window_log: 1 ";
  return import(
      "total: 1 connections { protocol: 6 nic_role: CONNECTION_ROLE_INITIATOR "
      "tcp_state: TCP_STATE_ESTABLISHED initiator { address: \"10.0.0.1\" port: 5 " +
      initiator + numbers + tcp + "} } responder { address: \"10.0.0.2\" " + numbers + "} } " +
      fields + "}");
}
std::string check(const std::string& fields) { return "nic: \"a\" peer: \"10.0.0.9\" " + fields; }

std::vector<Row> nic_rows() {
  const std::string what = "nic 'x'";
  const std::string mtu = ": MTU $ is out of range (wanted 576..9000, or 0 for the host's choice)";
  const std::string big = ": $ is too big (wanted 0..65535)";
  const std::string host =
      "(wanted labels of 1..63 letters, digits and inner dashes, with dots "
      "between)";
  const auto bad_hostnames = [&](const std::string& of) {
    return each({"-x", "x.", "x..y", "x y"}, of + ": hostname '$' is malformed " + host) +
           each({std::string(64, 'x')}, of + ": hostname '$' has 64 characters (wanted 1..63)");
  };
  const std::string tap_name =
      ": tap name '$' is malformed (wanted [A-Za-z0-9._-], starting with a letter or digit)";
  std::vector<Row> rows{
      {"Nic.id", "Apply", "changes { nic_put { id: \"$\" mac: \"52:54:00:00:00:0f\" vni: 42 } }",
       bad_names("nic '", "'"), kGoodNames},
      {"Nic.mac",
       "Apply",
       "changes { nic_put { id: \"x\" mac: \"$\" vni: 42 } }",
       bad_macs(what) + each({"52:54:00:00:00:01"}, what + ": MAC $ is nic 'a' in VNI 42 (wanted "
                                                           "one nic a MAC in a VNI)"),
       {"52:54:00:00:00:0f", "FE:FF:FF:FF:FF:FF"}},
      {"Nic.vni", "Apply", "changes { nic_put { id: \"x\" mac: \"52:54:00:00:00:0f\" vni: $ } }",
       bad_vnis(what), kGoodVnis},
      {"Nic.type",
       "Apply",
       nic("type: $"),
       each({"3", "-1"}, what + ": type $ is unknown (wanted 1 vhost-user or 2 tap)"),
       {"0", "1", "2"}},
      {"Nic.addresses",
       "Apply",
       nic("addresses: \"$\""),
       bad_addresses(what),
       {"10.0.0.7", "fe80::1"}},
      {"Nic.groups",
       "Apply",
       nic("groups: \"web\" groups: \"$\""),
       bad_names("nic 'x': group '", "'") +
           each({"web"}, what + ": group '$' listed twice (wanted once)"),
       {"later"}},
      {"Nic.tap_name",
       "Apply",
       nic("type: NIC_TYPE_TAP tap_name: \"$\""),
       each({"a b", "-a", "a/b", "a%d"}, what + tap_name) +
           each({"sixteen-letters-"}, what + ": tap name '$' has 16 characters (wanted 1..15)") +
           each({"tap7"}, "nic 'x': tap name 'tap7' is taken by nic 't' (wanted a free one)"),
       {"", "tap8", "fifteen-letters"}},
      {"Nic.vhost_server",
       "Apply",
       nic("type: NIC_TYPE_TAP vhost_server: $"),
       {{"true", what + ": vhost server on a tap (wanted type vhost-user)"}},
       {"false"}},
      {"Nic.packed",
       "Apply",
       nic("type: NIC_TYPE_TAP packed: $"),
       {{"true", what + ": packed rings on a tap (wanted type vhost-user)"}},
       {"false"}},
      {"Nic.mtu",
       "Apply",
       nic("mtu: $"),
       each({"1", "575", "9001", "65535"}, what + mtu) +
           each({"65536", "4294967295"}, what + ": MTU $ is too big (wanted 0..65535)"),
       {"0", "576", "9000"}},
      {"Nic.queues",
       "Apply",
       nic("queues: $"),
       each({"17", "65535"}, what + ": $ queues (wanted 1..16)") +
           each({"65536"}, what + ": queues $ is too big (wanted 0..65535)"),
       {"0", "1", "16"}},
      {"Nic.subnets",
       "Apply",
       nic("addresses: \"10.0.0.7\" subnets: \"$\""),
       each({"", "nosuch"}, what + ": subnet '$' is not there (wanted one of the subnets)"),
       {"lan"}},
      {"Nic.hostname",
       "Apply",
       nic("hostname: \"$\""),
       bad_hostnames(what),
       {"", "x", std::string(63, 'x'), "a.b-c"}},
      {"AllowedAddress.address",
       "Apply",
       nic("allowed { address: \"$\" }"),
       bad_addresses(what + ": allowed", true),
       {"10.0.0.0/24", "fd00::/64", "10.0.0.7"}},
      {"AllowedAddress.mac",
       "Apply",
       nic("allowed { address: \"10.0.0.7\" mac: \"$\" }"),
       each({"zz", "52:54"}, what + ": allowed: MAC '$' is malformed " + kMac) +
           each({"52:54:00:00:00:01"}, what + ": allowed MAC $ is nic 'a' (wanted one that no nic "
                                              "has)") +
           each({"52:54:00:00:00:99"},
                what + ": allowed MAC $ is a static fdb entry (wanted one that may move)"),
       {"", "00:00:5e:00:01:33"}},
      {"NicUpdate.id", "Apply", "changes { nic_update { id: \"$\" } }", nobody("nic"), {"a"}},
      {"NicUpdate.mac", "Apply", update("mac: \"$\""), bad_macs("nic 't'"), {"52:54:00:00:00:0f"}},
      {"NicUpdate.vni", "Apply", update("vni: $"), bad_vnis("nic 't'"), kGoodVnis},
      {"NicUpdate.type",
       "Apply",
       update("tap_name: \"\" type: $"),
       each({"3", "-1"}, "nic 't': type $ is unknown (wanted 1 vhost-user or 2 tap)"),
       {"0", "1", "2"}},
      {"NicUpdate.tap_name",
       "Apply",
       update("tap_name: \"$\""),
       each({"a b"}, "nic 't'" + tap_name),
       {"", "fifteen-letters"}},
      {"NicUpdate.vhost_server",
       "Apply",
       update("vhost_server: $"),
       {{"true", "nic 't': vhost server on a tap (wanted type vhost-user)"}},
       {"false"}},
      {"NicUpdate.packed",
       "Apply",
       update("packed: $"),
       {{"true", "nic 't': packed rings on a tap (wanted type vhost-user)"}},
       {"false"}},
      {"NicUpdate.mtu",
       "Apply",
       update("mtu: $"),
       each({"575", "9001"}, "nic 't'" + mtu),
       {"0", "576", "9000"}},
      {"NicUpdate.queues",
       "Apply",
       update("queues: $"),
       each({"2"}, "nic 't': $ queues on a tap (wanted 1, or type vhost-user)") +
           each({"65536"}, "nic 't': queues $ is too big (wanted 0..65535)"),
       {"0", "1"}},
      {"NicUpdate.hostname",
       "Apply",
       update("hostname: \"$\""),
       bad_hostnames("nic 't'"),
       {"", "x"}},
      {"AddressList.addresses",
       "Apply",
       update("addresses { addresses: \"$\" }"),
       bad_addresses("nic 't'"),
       {"10.0.0.7"}},
      {"GroupList.groups",
       "Apply",
       update("groups { groups: \"$\" }"),
       bad_names("nic 't': group '", "'"),
       {"later"}},
      {"SubnetList.subnets",
       "Apply",
       update("addresses { addresses: \"10.0.0.7\" } subnets { subnets: \"$\" }"),
       each({"", "nosuch"}, "nic 't': subnet '$' is not there (wanted one of the subnets)"),
       {"lan"}},
      {"NicGroups.nic", "Apply", "changes { nic_set_groups { nic: \"$\" } }", nobody("nic"), {"a"}},
      {"NicGroups.nic", "Apply", "changes { nic_add_groups { nic: \"$\" } }", nobody("nic"), {"a"}},
      {"NicGroups.nic",
       "Apply",
       "changes { nic_delete_groups { nic: \"$\" } }",
       nobody("nic"),
       {"a"}},
      {"NicGroups.groups",
       "Apply",
       "changes { nic_set_groups { nic: \"a\" groups: \"$\" } }",
       bad_names("nic 'a': group '", "'"),
       {"later"}},
      {"NicGroups.groups",
       "Apply",
       "changes { nic_delete_groups { nic: \"a\" groups: \"$\" } }",
       each({"", "later"}, "nic 'a': does not have group '$' (wanted one that it has)",
            StatusCode::NOT_FOUND),
       {"web"}},
      {"Change.nic_delete", "Apply", "changes { nic_delete: \"$\" }", nobody("nic"), {"a"}},
  };
  return rows;
}

std::vector<Row> group_rows() {
  const std::string member = "group 'x'";
  const std::string where = "group 'web': rule ";
  return {
      {"Group.name", "Apply", "changes { group_put { name: \"$\" } }", bad_names("group '", "'"),
       kGoodNames},
      {"Change.group_add", "Apply", "changes { group_add: \"$\" }", bad_names("group '", "'"),
       kGoodNames},
      {"Group.members",
       "Apply",
       group("members: \"$\""),
       bad_addresses(member, true),
       {"10.0.0.0/8", "fd00::1"}},
      {"GroupDelete.name",
       "Apply",
       "changes { group_delete { name: \"$\" } }",
       nobody("group") + each({"web"},
                              "group '$': in use by nic 'a' (wanted an unused group, or "
                              "force)",
                              StatusCode::FAILED_PRECONDITION),
       {}},
      {"GroupSettings.name",
       "Apply",
       "changes { group_set { name: \"$\" } }",
       nobody("group"),
       {"web"}},
      {"RuleAdd.group",
       "Apply",
       "changes { rule_add { group: \"$\" rule { protocol: 6 } } }",
       nobody("group"),
       {"web"}},
      {"RuleDelete.group",
       "Apply",
       "changes { rule_delete { group: \"$\" key: \"slow\" } }",
       nobody("group"),
       {"web"}},
      {"RuleDelete.rule_id",
       "Apply",
       "changes { rule_delete { group: \"web\" rule_id: \"$\" } }",
       each({"", "0123456789abcdef"},
            "group 'web': has no rule '$' (wanted the id of one of its rules)",
            StatusCode::NOT_FOUND),
       {}},
      {"RuleDelete.key",
       "Apply",
       "changes { rule_delete { group: \"web\" key: \"$\" } }",
       each({"nosuch"},
            "group 'web': has no rule with key '$' (wanted the key of one of its rules)",
            StatusCode::NOT_FOUND),
       {"slow"}},
      {"Members.group",
       "Apply",
       "changes { member_add { group: \"$\" addresses: \"10.0.0.7\" } }",
       nobody("group"),
       {"web"}},
      {"Members.group",
       "Apply",
       "changes { members_replace { group: \"$\" } }",
       nobody("group"),
       {"web"}},
      {"Members.addresses",
       "Apply",
       "changes { member_add { group: \"web\" addresses: \"$\" } }",
       bad_addresses("group 'web'", true),
       {"10.0.0.7", "10.0.0.0/8"}},
      {"Members.addresses",
       "Apply",
       "changes { member_delete { group: \"web\" addresses: \"$\" } }",
       each({"10.0.0.7"}, "group 'web': has no member $ (wanted one of its members)",
            StatusCode::NOT_FOUND),
       {"10.0.0.9"}},
      {"Rule.id",
       "Apply",
       rule("protocol: 6 id: \"$\""),
       each({"0123456789abcdef", "x"}, where.substr(0, where.size() - 1) + ": id '$' is not this "
                                                                           "rule's (wanted "),
       {""}},
      {"Rule.direction",
       "Apply",
       rule("direction: $"),
       each({"3", "-1"}, "direction $ is unknown (wanted 1 ingress or 2 egress)"),
       {"0", "1", "2"}},
      {"Rule.family",
       "Apply",
       rule("family: $"),
       each({"3", "-1"}, "family $ is unknown (wanted 0 both, 1 IPv4 or 2 IPv6)"),
       {"0", "1", "2"}},
      {"Rule.protocol",
       "Apply",
       rule("protocol: $"),
       each({"256", "4294967295"}, "protocol $ is too big (wanted 0..255)"),
       {"0", "255"}},
      {"Rule.first_port",
       "Apply",
       rule("protocol: 6 last_port: 65535 first_port: $"),
       each({"65536", "4294967295"}, "first port $ is too big (wanted 0..65535)"),
       {"0", "65535"}},
      {"Rule.first_port",
       "Apply",
       rule("protocol: 47 last_port: 9 first_port: $"),
       {{"1", "ports with protocol 47 (wanted tcp (6), udp (17) or sctp (132))"}},
       {}},
      {"Rule.last_port",
       "Apply",
       rule("protocol: 17 first_port: 100 last_port: $"),
       each({"65536"}, "last port $ is too big (wanted 0..65535)") +
           each({"99"}, "first port 100 above last port $ (wanted first <= last)"),
       {"100", "65535"}},
      {"Rule.icmp_type",
       "Apply",
       rule("protocol: 1 icmp_type: $"),
       each({"256"}, "ICMP type $ is too big (wanted 0..255)"),
       {"0", "255"}},
      {"Rule.icmp_code",
       "Apply",
       rule("protocol: 58 icmp_type: 1 icmp_code: $"),
       each({"256"}, "ICMP code $ is too big (wanted 0..255)"),
       {"0", "255"}},
      {"Rule.icmp_code",
       "Apply",
       rule("protocol: 58 icmp_code: $"),
       {{"1", "ICMP code without ICMP type (wanted the type as well)"}},
       {}},
      {"Rule.peer_cidr",
       "Apply",
       rule("peer_cidr: \"$\""),
       each({"10.0.0.1/8", "10.0.0.0/33", "any", "10.0.0.0/"},
            "CIDR '$' is malformed (wanted ADDRESS/LENGTH with clear host bits)"),
       {"", "0.0.0.0/0", "::/0", "10.0.0.1/32"}},
      {"Rule.peer_group",
       "Apply",
       rule("peer_group: \"$\""),
       each({"x/y", "-x"}, "peer group '$': name is malformed " + kName),
       {"", "later"}},
      {"Rule.description",
       "Apply",
       rule("description: \"$\""),
       {{std::string(256, 'x'), "description of 256 bytes (wanted at most 255)"},
        {"\\n", "description has control characters (wanted plain text)"},
        {"\\177", "description has control characters (wanted plain text)"}},
       {"", std::string(255, 'x'), "größer"}},
      {"Rule.key",
       "Apply",
       rule("protocol: 6 key: \"$\""),
       each({"x/y", "-x"}, "key '$': name is malformed " + kName) +
           each({kLong}, "key '$': name has 65 characters " + kName),
       {"", "x", std::string(64, 'x')}},
      {"Rule.expression",
       "Apply",
       rule("expression: \"$\""),
       {{"tcp prot", "expression 'tcp prot': "},
        {" ", "expression is blank (wanted one, or none)"},
        {"\\001", "expression has bytes other than printable ASCII (wanted one line)"},
        {std::string(65537, 'x'), "expression of 65537 bytes (wanted at most 65536)"}},
       {"", "tcp[13] = 2"}},
      {"Rule.procedure",
       "Apply",
       rule("procedure: \"$\""),
       each({"nosuch"}, "procedure '$' is not there (wanted one of the procedures)"),
       {"", "slow"}},
      {"GuardRule.key", "Apply", "changes { guard_put { key: \"$\" action: GUARD_ACTION_DENY } }",
       bad_names("guard rule '", "'"), kGoodNames},
      {"GuardRule.priority",
       "Apply",
       guard("priority: $"),
       each({"65536", "4294967295"}, "guard rule 'x': priority $ is too big (wanted 0..65535)"),
       {"0", "65535"}},
      {"GuardRule.action",
       "Apply",
       "changes { guard_put { key: \"x\" action: $ } }",
       {{"0", "guard rule 'x': action is missing (wanted 1 allow, 2 deny or 3 groups)"},
        {"4", "guard rule 'x': action 4 is unknown (wanted 1 allow, 2 deny or 3 groups)"}},
       {"1", "3"}},
      {"GuardRule.vni",
       "Apply",
       guard("vni: $"),
       each({"16777216"},
            "guard rule 'x': VNI $ exceeds 24 bits (wanted 1..16777215, or 0 for "
            "every segment)"),
       {"0", "1", "16777215"}},
      {"GuardRule.description",
       "Apply",
       guard("description: \"$\""),
       {{std::string(256, 'x'), "guard rule 'x': description of 256 bytes (wanted at most 255)"}},
       {std::string(255, 'x')}},
      {"Rule.key",
       "Apply",
       guard("match { key: \"$\" }"),
       {{"k", "guard rule 'x': match with key 'k' (wanted none: "}},
       {""}},
      {"Change.guard_delete",
       "Apply",
       "changes { guard_delete: \"$\" }",
       nobody("guard rule"),
       {"g"}},
      {"Procedure.name", "Apply", "changes { procedure_put { name: \"$\" } }",
       bad_names("procedure '", "'"), kGoodNames},
      {"Procedure.max_mss",
       "Apply",
       procedure("max_mss: $"),
       each({"1", "63"}, "procedure 'x': max MSS $ (wanted 64..65535, or none)") +
           each({"65536"}, "procedure 'x': max MSS $ is too big (wanted 0..65535)"),
       {"0", "64", "65535"}},
      {"Procedure.min_ttl",
       "Apply",
       procedure("min_ttl: $"),
       each({"256"}, "procedure 'x': min TTL $ is too big (wanted 0..255)"),
       {"0", "1", "255"}},
      {"Procedure.packets_per_second",
       "Apply",
       procedure("packets_per_second: $"),
       each({"1000000001", "18446744073709551615"},
            "procedure 'x': packets a second $ (wanted 1..1000000000, or none)"),
       {"0", "1", "1000000000"}},
      {"Procedure.bits_per_second",
       "Apply",
       procedure("bits_per_second: $"),
       each({"7999", "1000000000001"},
            "procedure 'x': bits a second $ (wanted 8000..1000000000000, or none)"),
       {"0", "8000", "1000000000000"}},
      {"Procedure.burst_ms",
       "Apply",
       procedure("burst_ms: $"),
       each({"0", "10001"}, "procedure 'x': burst of $ ms (wanted 1..10000)"),
       {"1", "10000"}},
      {"Change.procedure_delete",
       "Apply",
       "changes { procedure_delete: \"$\" }",
       nobody("procedure") + std::vector<Bad>{{"slow", "procedure 'slow': in use by rule ",
                                               StatusCode::FAILED_PRECONDITION}},
       {}},
  };
}

std::vector<Row> network_rows() {
  const std::string what = "subnet 'x'";
  const std::string inside = " (wanted a host's address in 10.1.0.0/16)";
  const auto in_prefix = [&](const std::string& which) {
    return each({"10.2.0.1"}, what + ": " + which + ": address $ is outside" + inside) +
           each({"10.1.0.0", "10.1.255.255"},
                what + ": " + which + ": address $ is the prefix's own or its broadcast" + inside) +
           each({"x"}, what + ": " + which + ": address '$' is malformed ");
  };
  return {
      {"Subnet.name", "Apply",
       "changes { subnet_put { name: \"$\" prefix: \"10.1.0.0/16\" gateway: \"10.1.0.1\" } }",
       bad_names("subnet '", "'"), kGoodNames},
      {"Subnet.prefix",
       "Apply",
       "changes { subnet_put { name: \"x\" prefix: \"$\" gateway: \"10.1.0.1\" } }",
       each({"", "10.1.0.0", "10.1.0.1/16", "10.1.0.0/33"},
            what + ": prefix '$' is malformed (wanted ADDRESS/LENGTH with clear host bits)") +
           each({"10.1.0.0/31", "fd00::1/128", "0.0.0.0/0"},
                what + ": prefix $ (wanted an IPv4 prefix of 1..30 bits, or an IPv6 prefix of "
                       "1..127)"),
       {"10.1.0.0/30", "10.0.0.0/8"}},
      {"Subnet.gateway",
       "Apply",
       "changes { subnet_put { name: \"x\" prefix: \"10.1.0.0/16\" gateway: \"$\" } }",
       in_prefix("gateway") +
           each({""}, what + ": neither gateway nor server (wanted an address by which guests "
                             "know the DHCP server)"),
       {"10.1.0.1", "10.1.255.254"}},
      {"Subnet.server", "Apply", subnet("server: \"$\""), in_prefix("server"), {"", "10.1.0.2"}},
      {"Subnet.dns",
       "Apply",
       subnet("dns: \"$\""),
       bad_addresses(what + ": DNS server") +
           each({"fd00::1"}, what + ": DNS server $ is not of the family of 10.1.0.0/16 (wanted "
                                    "one that is)"),
       {"8.8.8.8"}},
      {"Subnet.domains",
       "Apply",
       subnet("domains: \"$\""),
       each({"", "-x", "a..b"}, what + ": domain '$' is malformed "),
       {"x", "example.net"}},
      {"Subnet.mtu",
       "Apply",
       subnet("mtu: $"),
       each({"1", "575"}, what + ": MTU $ (wanted 576..65535, or 0 for what fits)") +
           each({"65536"}, what + ": MTU $ is too big (wanted 0..65535)"),
       {"0", "576", "65535"}},
      {"Subnet.lease_s",
       "Apply",
       subnet("lease_s: $"),
       each({"0", "9", "31536001"}, what + ": lease of $ s (wanted 10..31536000)"),
       {"10", "31536000"}},
      {"SubnetRoute.prefix",
       "Apply",
       subnet("routes { prefix: \"$\" }"),
       each({"", "10.9.0.1/16"}, what + ": route: prefix '$' is malformed ") +
           each({"0.0.0.0/0"}, what + ": route $ is the default route (wanted a gateway instead)") +
           each({"fd00::/64"}, what + ": route $ is not of the family of 10.1.0.0/16 (wanted one "
                                      "that is)"),
       {"10.9.0.0/16", "10.9.0.1/32"}},
      {"SubnetRoute.via",
       "Apply",
       subnet("routes { prefix: \"10.9.0.0/16\" via: \"$\" }"),
       each({"10.2.0.1"}, what + ": route 10.9.0.0/16: via: address $ is outside" + inside) +
           each({"x"}, what + ": route 10.9.0.0/16: via: address '$' is malformed "),
       {"", "10.1.0.9"}},
      {"Change.subnet_delete",
       "Apply",
       "changes { subnet_delete: \"$\" }",
       nobody("subnet") + each({"lan"},
                               "subnet '$': in use by nic 'a' (wanted one that no nic "
                               "names)",
                               StatusCode::FAILED_PRECONDITION),
       {}},
      {"Peer.address",
       "Apply",
       "changes { peer_put { address: \"$\" } }",
       each({"", "x", "10.0.0.0/8"}, "peer '$': address '$' is malformed ") +
           each({"0.0.0.0", "224.0.0.1", "ff02::1", "255.255.255.255"},
                "peer $: address $ is no host's own (wanted unicast)"),
       {"192.0.2.9", "2001:db8::1"}},
      {"Peer.vnis", "Apply", "changes { peer_put { address: \"192.0.2.9\" vnis: $ } }",
       bad_vnis("peer 192.0.2.9"), kGoodVnis},
      {"Change.peer_delete",
       "Apply",
       "changes { peer_delete: \"$\" }",
       each({"", "x"}, "peer '$': address '$' is malformed ") +
           each({"192.0.2.9"}, "peer $: not found (wanted one of ours)", StatusCode::NOT_FOUND) +
           each({"192.0.2.2"},
                "peer $: in use by fdb entry 42/52:54:00:00:00:99 (wanted a peer "
                "without fdb entries)",
                StatusCode::FAILED_PRECONDITION),
       {}},
      {"FdbEntry.vni",
       "Apply",
       "changes { fdb_put { vni: $ mac: \"52:54:00:00:00:0f\" peer: \"192.0.2.2\" } }",
       each({"0"}, "fdb $/52:54:00:00:00:0f: VNI 0 names no segment " + kVni) +
           each({"16777216"}, "fdb $/52:54:00:00:00:0f: VNI $ exceeds 24 bits " + kVni) +
           each({"43"},
                "fdb $/52:54:00:00:00:0f: peer 192.0.2.2 does not serve VNI 43 (wanted a "
                "peer that does)"),
       {"42"}},
      {"FdbEntry.mac",
       "Apply",
       "changes { fdb_put { vni: 42 mac: \"$\" peer: \"192.0.2.2\" } }",
       each({"", "x"}, "fdb 42/$: MAC '$' is malformed " + kMac) +
           each({"01:00:5e:00:00:01"}, "fdb 42/$: MAC $ is a group address (wanted unicast)") +
           each({"52:54:00:00:00:01"},
                "fdb 42/$: MAC is local nic 'a' (wanted a MAC behind the "
                "peer)"),
       {"52:54:00:00:00:0f"}},
      {"FdbEntry.peer",
       "Apply",
       "changes { fdb_put { vni: 42 mac: \"52:54:00:00:00:0f\" peer: \"$\" } }",
       each({"", "x"}, "fdb 42/52:54:00:00:00:0f: address '$' is malformed ") +
           each({"192.0.2.9"},
                "fdb 42/52:54:00:00:00:0f: peer $ is not configured (wanted one of "
                "the peers)"),
       {"192.0.2.2"}},
      {"FdbEntry.addresses",
       "Apply",
       "changes { fdb_put { vni: 42 mac: \"52:54:00:00:00:0f\" peer: \"192.0.2.2\" addresses: "
       "\"$\" } }",
       bad_addresses("fdb 42/52:54:00:00:00:0f"),
       {"10.0.0.7"}},
      {"FdbKey.vni",
       "Apply",
       "changes { fdb_delete { vni: $ mac: \"52:54:00:00:00:99\" } }",
       each({"0", "43", "4294967295"}, "fdb $/52:54:00:00:00:99: not found (wanted one of ours)",
            StatusCode::NOT_FOUND),
       {"42"}},
      {"FdbKey.mac",
       "Apply",
       "changes { fdb_delete { vni: 42 mac: \"$\" } }",
       each({"", "x"}, "fdb 42/$: MAC '$' is malformed " + kMac) +
           each({"52:54:00:00:00:0f"}, "fdb 42/$: not found (wanted one of ours)",
                StatusCode::NOT_FOUND),
       {"52:54:00:00:00:99"}},
      {"Segment.vni", "Apply", "changes { segment_put { vni: $ } }",
       each({"0"}, "segment $: VNI 0 names no segment " + kVni) +
           each({"16777216"}, "segment $: VNI $ exceeds 24 bits " + kVni),
       kGoodVnis},
      {"Segment.group",
       "Apply",
       "changes { segment_put { vni: 7 group: \"$\" } }",
       each({"10.0.0.1", "224.0.0.5", "ff02::7"},
            "segment 7: group $ (wanted a multicast address beyond 224.0.0.0/24, or of IPv6 wider "
            "than the link)"),
       {"", "239.1.1.1", "ff0e::7"}},
      {"Segment.gateways",
       "Apply",
       "changes { segment_put { vni: 1 gateways: \"$\" } }",
       bad_macs("segment 1: gateway"),
       {"52:54:00:00:00:0f"}},
      {"Change.segment_delete",
       "Apply",
       "changes { segment_delete: $ }",
       each({"0", "43"}, "segment $: not found (wanted one that was set)", StatusCode::NOT_FOUND),
       {"42"}},
      {"ApplyRequest.expected_revision",
       "Apply",
       "expected_revision: $",
       each(
           {"0", "2", "18446744073709551615"},
           "intent: is at revision 1, expected was $ (wanted a change made from the intent of now)",
           StatusCode::ABORTED),
       {"1"}},
      {"ReplaceRequest.expected_revision",
       "Replace",
       "expected_revision: $",
       each(
           {"0", "2"},
           "intent: is at revision 1, expected was $ (wanted a change made from the intent of now)",
           StatusCode::ABORTED),
       {"1"}},
  };
}

std::vector<Row> question_rows() {
  const std::string many = "connections: $ is too large";
  return {
      {"ListPeersRequest.page_token",
       "ListPeers",
       "page_token: \"$\"",
       each({"x"}, "peers: page token '$' is malformed (wanted the next_page_token of an answer)"),
       {"", "192.0.2.2"}},
      {"ListFdbRequest.page_token",
       "ListFdb",
       "page_token: \"$\"",
       each({"x", "42", "42/x", "/52:54:00:00:00:99", "x/52:54:00:00:00:99"},
            "fdb: page token '$' is malformed (wanted the next_page_token of an answer)"),
       {"", "42/52:54:00:00:00:99"}},
      {"GetNicRequest.id", "GetNic", "id: \"$\"", nobody("nic"), {"a"}},
      {"GetGroupRequest.name", "GetGroup", "name: \"$\"", nobody("group"), {"web"}},
      {"TraceRequest.nic", "Trace", "count: 1 nic: \"$\"", nobody("nic"), {"a"}},
      {"StationFilter.vni",
       "ListStations",
       "filter { vni: $ }",
       each({"16777216"}, "fdb: VNI $ is too large (wanted 0..16777215)"),
       {"0", "16777215"}},
      {"StationFilter.mac",
       "ListStations",
       "filter { mac: \"$\" }",
       each({"x", "52:54"}, "fdb: MAC '$' is malformed (wanted xx:xx:xx:xx:xx:xx)"),
       {"", "52:54:00:00:00:01"}},
      {"StationFilter.nic",
       "ListStations",
       "filter { nic: \"$\" }",
       each({"nobody"}, "nic '$': not found (wanted one of ours)", StatusCode::NOT_FOUND),
       {"", "a"}},
      {"StationFilter.peer",
       "ListStations",
       "filter { peer: \"$\" }",
       each({"x", "10.0.0.0/8"}, "fdb: peer '$' is malformed (wanted an IPv4 or IPv6 address)"),
       {"", "192.0.2.2"}},
      {"FlushFdbRequest.all",
       "FlushFdb",
       "all: $",
       {{"false", "fdb: nothing says which to flush (wanted a filter, or all)"}},
       {"true"}},
      {"ConnectionFilter.nic",
       "ListConnections",
       "filter { nic: \"$\" }",
       each({"nobody"}, "nic '$': not found (wanted one of ours)", StatusCode::NOT_FOUND),
       {"", "a"}},
      {"ConnectionFilter.vni",
       "CountConnections",
       "filter { vni: $ }",
       each({"16777216"}, "connections: VNI $ is too large (wanted 0..16777215)"),
       {"0", "16777215"}},
      {"ConnectionFilter.protocol",
       "CountConnections",
       "filter { protocol: $ }",
       each({"256"}, "connections: protocol $ is too large (wanted 0..255)"),
       {"0", "255"}},
      {"ConnectionFilter.address",
       "CountConnections",
       "filter { address: \"$\" }",
       each({"x", "10.0.0.0/8"},
            "connections: address '$' is malformed (wanted an IPv4 or IPv6 address)"),
       {"", "10.0.0.1"}},
      {"ConnectionFilter.port",
       "CountConnections",
       "filter { port: $ }",
       each({"65536"}, "connections: port $ is too large (wanted 0..65535)"),
       {"0", "65535"}},
      {"ConnectionFilter.state",
       "CountConnections",
       "filter { state: $ }",
       each({"7", "-1"}, "connections: state $ is unknown (wanted one of ConnectionState)"),
       {"0", "6"}},
      {"ConnectionFilter.role",
       "CountConnections",
       "filter { nic: \"a\" role: $ }",
       each({"3", "-1"}, "connections: role $ is unknown (wanted one of ConnectionRole)"),
       {"0", "2"}},
      {"FlushConnectionsRequest.all",
       "FlushConnections",
       "all: $",
       {{"false", "connections: nothing says which to flush (wanted a filter, or all)"}},
       {"true"}},
      {"ExportConnectionsRequest.nic", "ExportConnections", "nic: \"$\"", nobody("nic"), {"a"}},
      {"ImportConnectionsRequest.nic",
       "ImportConnections",
       "nic: \"$\" part { version: 1 vni: 42 total: 0 }",
       nobody("nic"),
       {"a"}},
      {"ConnectionExport.version",
       "ImportConnections",
       "nic: \"a\" part { version: $ }",
       each({"0", "2"}, "connections: version $ of the format is unknown (wanted 1)"),
       {}},
      {"ConnectionExport.vni", "ImportConnections",
       "nic: \"a\" part { version: 1 total: 0 vni: $ }",
       each({"0", "16777216"}, "connections: VNI $ (wanted 1..16777215)"), kGoodVnis},
      {"ConnectionExport.total",
       "ImportConnections",
       import("total: $"),
       each({"1"}, "connections: 0 of $ are there (wanted the whole export)"),
       {"0"}},
      {"ExportedConnection.protocol",
       "ImportConnections",
       imported("protocol: $"),
       each({"256"}, "connection 1: protocol $ is too large (wanted 0..255)") +
           each({"17"}, "connection 1: TCP fields with protocol $ (wanted none)"),
       {"6"}},
      {"ExportedConnection.nic_role",
       "ImportConnections",
       imported("nic_role: $"),
       each({"0", "3"}, "connection 1: nic_role $ (wanted initiator or responder)"),
       {"1", "2"}},
      {"ExportedConnection.idle_ms",
       "ImportConnections",
       imported("idle_ms: $"),
       each({"259200001"}, "connection 1: idle_ms $ is too large (wanted 0..259200000)"),
       {"0", "259200000"}},
      {"ExportedConnection.tcp_state",
       "ImportConnections",
       imported("tcp_state: $"),
       each({"0", "8"}, "connection 1: TCP state $ is unknown (wanted 1..7)"),
       {"1", "7"}},
      {"ExportedConnection.tcp_seen",
       "ImportConnections",
       imported("tcp_seen: $"),
       each({"64"}, "connection 1: tcp_seen $ is too large (wanted 0..63)"),
       {"0", "63"}},
      {"ExportedEnd.address",
       "ImportConnections",
       imported("", "address: \"$\" "),
       each({"", "x"}, "connection 1: address '$' is malformed (wanted an IPv4 or IPv6 address)") +
           each({"fd00::1"}, "connection 1: ends of both families (wanted one)"),
       {"10.0.0.1"}},
      {"ExportedEnd.port",
       "ImportConnections",
       imported("", "port: $ "),
       each({"65536"}, "connection 1: port $ is too large (wanted 0..65535)"),
       {"0", "65535"}},
      {"ExportedEnd.packets",
       "ImportConnections",
       imported("", "packets: $ "),
       each({"274877906944"}, "connection 1: packets $ is too large (wanted 0..274877906943)"),
       {"0", "274877906943"}},
      {"ExportedEnd.bytes",
       "ImportConnections",
       imported("", "bytes: $ "),
       each({"1125899906842624"},
            "connection 1: bytes $ is too large (wanted 0..1125899906842623)"),
       {"0", "1125899906842623"}},
      {"TcpEnd.end",
       "ImportConnections",
       imported("", "", "end: $ "),
       each({"10"},
            "connection 1: end $ lies behind max_end 9 (wanted what its peer lets it send)"),
       {"0", "9"}},
      {"TcpEnd.last_ack",
       "ImportConnections",
       imported("", "", "last_ack: $ "),
       each({"65536"}, "connection 1: last_ack $ is too large (wanted 0..65535)"),
       {"0", "65535"}},
      {"TcpEnd.window_log",
       "ImportConnections",
       imported("", "", "window_log: $ "),
       each({"16"}, "connection 1: window_log $ is too large (wanted 0..15)"),
       {"0", "15"}},
      {"TcpEnd.window_scale",
       "ImportConnections",
       imported("", "", "window_scale: $ "),
       each({"15"}, "connection 1: window_scale $ is too large (wanted 0..14)"),
       {"0", "14"}},
      {"WatchLogRequest.kinds",
       "WatchLog",
       "count: 1 kinds: $",
       each({"0", "3", "-1"}, "log: kind $ is unknown (wanted 1 drop or 2 start)"),
       {"1", "2"}},
      {"WatchLogRequest.nic",
       "WatchLog",
       "count: 1 nic: \"$\"",
       each({"nobody"}, "nic '$': not found (wanted one of ours)", StatusCode::NOT_FOUND),
       {"", "a"}},
      {"WatchLogRequest.out",
       "WatchLog",
       "count: 1 out: \"$\"",
       each({"x", "/x"}, "log: out '$' is malformed (wanted BRICK/OUT, as counters name them)") +
           std::vector<Bad>{{"x/y", "log: no brick 'x' drops anything (wanted "}},
       {"", "firewall-to/denied"}},
      {"WatchLogRequest.sample_every",
       "WatchLog",
       "count: 1 sample_every: $",
       each({"1000001"}, "log: one of $ (wanted one of 1..1000000)"),
       {"0", "1", "1000000"}},
      {"WatchLogRequest.per_second",
       "WatchLog",
       "count: 1 per_second: $",
       each({"10001"}, "log: $ a second (wanted 1..10000)"),
       {"0", "1", "10000"}},
      {"WatchEventsRequest.kinds",
       "WatchEvents",
       "kinds: $",
       each({"0", "15", "-1"}, "events: kind $ is unknown (wanted 1..14)"),
       {"1", "14"}},
      {"WatchEventsRequest.vni", "WatchEvents", "vni: $",
       each({"0", "16777216"}, "events: VNI $ is out of range (wanted 1..16777215)"), kGoodVnis},
      {"CaptureRequest.nic",
       "Capture",
       "nic: \"$\" count: 2",
       each({"", "nobody"}, "capture: nic '$': not found (wanted one of ours)",
            StatusCode::NOT_FOUND),
       {"a"}},
      {"CaptureRequest.most_bytes",
       "Capture",
       "nic: \"a\" count: 2 most_bytes: $",
       each({"2049", "65536"}, "capture: most_bytes $ is too large (wanted 0..2048)"),
       {"0", "1", "2048"}},
      {"CheckPacketRequest.nic",
       "CheckPacket",
       "nic: \"$\" peer: \"10.0.0.9\" protocol: 6 destination_port: 80",
       nobody("nic"),
       {"a"}},
      {"CheckPacketRequest.direction",
       "CheckPacket",
       check("protocol: 6 destination_port: 80 direction: $"),
       each({"3", "-1"}, "nic 'a': check: direction $ is unknown (wanted 1 ingress or 2 egress)"),
       {"0", "2"}},
      {"CheckPacketRequest.peer",
       "CheckPacket",
       "nic: \"a\" peer: \"$\" protocol: 6 destination_port: 80",
       each({"", "x", "10.0.0.0/8"}, "nic 'a': check: address '$' is malformed "),
       {"10.0.0.9"}},
      {"CheckPacketRequest.address",
       "CheckPacket",
       check("protocol: 6 destination_port: 80 address: \"$\""),
       each({"x"}, "nic 'a': check: address '$' is malformed "),
       {"", "10.0.0.1"}},
      {"CheckPacketRequest.protocol",
       "CheckPacket",
       check("protocol: $"),
       each({"256"}, "nic 'a': check: protocol $ is too big (wanted 0..255)") +
           each({"6"}, "nic 'a': check: no destination port (wanted one, of TCP, UDP and SCTP)") +
           each({"58"},
                "nic 'a': check: protocol $ with an IPv4 peer (wanted the ICMP of its "
                "family)"),
       {"0", "47", "255"}},
      {"CheckPacketRequest.source_port",
       "CheckPacket",
       check("protocol: 6 destination_port: 80 source_port: $"),
       each({"65536"}, "nic 'a': check: source port $ is too big (wanted 0..65535)"),
       {"0", "65535"}},
      {"CheckPacketRequest.destination_port",
       "CheckPacket",
       check("protocol: 17 destination_port: $"),
       each({"65536"}, "nic 'a': check: destination port $ is too big (wanted 0..65535)"),
       {"0", "65535"}},
      {"CheckPacketRequest.icmp_type",
       "CheckPacket",
       check("protocol: 1 icmp_type: $"),
       each({"256"}, "nic 'a': check: ICMP type $ is too big (wanted 0..255)"),
       {"0", "255"}},
      {"CheckPacketRequest.icmp_code",
       "CheckPacket",
       check("protocol: 1 icmp_code: $"),
       each({"256"}, "nic 'a': check: ICMP code $ is too big (wanted 0..255)"),
       {"0", "255"}},
      {"ConfigChange.key",
       "SetConfig",
       "changes { key: \"$\" value: \"debug\" }",
       each({"", "nothing"}, "setting '$': not now (wanted daemon.log_level)",
            StatusCode::FAILED_PRECONDITION),
       {"daemon.log_level"}},
      {"ConfigChange.value",
       "SetConfig",
       "changes { key: \"daemon.log_level\" value: \"$\" }",
       each({"", "loud"}, "daemon.log_level = $: unknown word (wanted a level)"),
       {"debug"}},
  };
}

// Of a setting: just outside its bounds, and its bounds.
void add_settings(const KnobTable& table, const std::string& message, const std::string& change,
                  std::vector<Row>& rows) {
  for (const KnobInfo& info : table.rows) {
    const std::string key(info.key);
    Row row{message + "." + key, "Apply", "changes { " + change + " { " + key + ": $ } }", {}, {}};
    if (info.unit == KnobUnit::on_off) {
      row.good = {"true", "false"};  // there is no other flag
    } else {
      const std::string of = std::string(table.object) + ": " + key + " ";
      const std::string wanted = " (wanted " + wanted_text(info) + ")";
      row.good = {std::to_string(info.least), std::to_string(info.most)};
      if (info.least > 0) {
        const std::string below = std::to_string(info.least - 1);
        row.bad.push_back({below, of + below + " is too small" + wanted});
      }
      const std::string past = std::to_string(uint64_t{info.most} + 1);
      row.bad.push_back({past, of + past + " is too big" + wanted});
      row.bad.push_back({"4294967295", of + "4294967295 is too big" + wanted});
    }
    rows.push_back(std::move(row));
  }
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto& some : {nic_rows(), group_rows(), network_rows(), question_rows()}) {
    rows.insert(rows.end(), some.begin(), some.end());
  }
  add_settings(kFirewallKnobs, "FirewallSettings", "firewall_set", rows);
  add_settings(kSwitchKnobs, "SwitchSettings", "switch_set", rows);
  return rows;
}

const google::protobuf::ServiceDescriptor& api() {
  return *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "butterfly.v1.Butterfly");
}

// Those that hold a value, of the type and of all that it may hold: "Nic.mac".
void collect_values(const Descriptor& type, std::set<std::string>& seen,
                    std::set<std::string>& fields) {
  if (!seen.insert(type.full_name()).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.message_type()) {
      collect_values(*field.message_type(), seen, fields);
    } else {
      fields.insert(type.name() + "." + field.name());
    }
  }
}

std::set<std::string> all_fields() {
  std::set<std::string> seen, fields;
  for (int i = 0; i < api().method_count(); ++i) {
    collect_values(*api().method(i)->input_type(), seen, fields);
  }
  return fields;
}

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    host.expressions = std::make_shared<ChildCompiler>(BUTTERFLY_EXPRESSION_COMPILER);
    store = *SqliteStore::open(directory.file("state.db"));
    keeper = *IntentKeeper::start(host, *store);
    const std::string address = "unix:" + directory.file("api.sock");
    server = *ApiServer::start({address, 0600, "", &settings}, host, *keeper);
    channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    const grpc::Status base = call("Apply", kBase);
    ASSERT_TRUE(base.ok()) << base.error_message();
  }
  grpc::Status call(const std::string& name, const std::string& text) {
    const auto* method = api().FindMethodByName(name);
    const std::unique_ptr<Message> request(google::protobuf::MessageFactory::generated_factory()
                                               ->GetPrototype(method->input_type())
                                               ->New());
    google::protobuf::TextFormat::Parser parser;
    // What is said twice counts as it was said last.
    EXPECT_TRUE(parser.MergeFromString(text, request.get())) << text;
    return raw_call(channel, name, request->SerializeAsString());
  }

  TestDirectory directory;
  FakeHost host;
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<IntentKeeper> keeper;
  FakeSettings settings;
  std::unique_ptr<ApiServer> server;
  std::shared_ptr<grpc::Channel> channel;
};

std::string with(const std::string& request, const std::string& value) {
  const size_t at = request.find('$');
  return request.substr(0, at) + value + request.substr(at + 1);
}

// What ErrorDetail calls the fields of messages whose object calls them otherwise.
const std::map<std::string, std::string> kOtherFields{
    {"AllowedAddress.address", "allowed"}, {"AllowedAddress.mac", "allowed"},
    {"Members.addresses", "members"},      {"SubnetRoute.prefix", "routes"},
    {"SubnetRoute.via", "routes"},         {"Change.group_add", "name"},
    {"Change.peer_delete", "address"},
};
// Where several fields do not go together, or the message does not say which of two it is.
const std::set<std::string> kWithoutField{
    "Rule.first_port",
    "Rule.last_port",
    "FdbEntry.vni",
    "FdbEntry.peer",
    "FdbEntry.addresses",
    "FlushFdbRequest.all",
    "FlushConnectionsRequest.all",
    "ConnectionExport.total",
    "ExportedConnection.protocol",
    "ExportedEnd.address",
    "CheckPacketRequest.peer",
    "CheckPacketRequest.address",
    "CheckPacketRequest.protocol",
    "ConfigChange.value",
};

v1::ErrorDetail detail_in(const grpc::Status& status) {
  v1::ErrorStatus all;
  v1::ErrorDetail detail;
  EXPECT_TRUE(all.ParseFromString(status.error_details()));
  EXPECT_EQ(all.message(), status.error_message());
  EXPECT_TRUE(all.details_size() == 1 && all.details(0).UnpackTo(&detail));
  return detail;
}

TEST_F(BadInputTest, IsRefusedFieldByField) {
  for (const Row& row : all_rows()) {
    for (const Bad& bad : row.bad) {
      SCOPED_TRACE(row.field + " = " + bad.value.substr(0, 80));
      const auto before = keeper->version();
      const grpc::Status status = call(row.call, with(row.request, bad.value));
      EXPECT_EQ(status.error_code(), bad.code) << status.error_message();
      EXPECT_THAT(status.error_message(), testing::HasSubstr(bad.message));
      const v1::ErrorDetail detail = detail_in(status);
      EXPECT_NE(detail.object(), "") << status.error_message();
      EXPECT_NE(detail.fact(), "") << status.error_message();
      EXPECT_NE(detail.wanted(), "") << status.error_message();
      EXPECT_EQ(keeper->version().revision, before.revision);
      EXPECT_EQ(*host.intent(), *before.intent);
      if (status.error_code() != StatusCode::INVALID_ARGUMENT ||
          kWithoutField.contains(row.field)) {
        continue;  // it is the object that is not there, or not so
      }
      const auto other = kOtherFields.find(row.field);
      const std::string own = row.field.substr(row.field.find('.') + 1);
      EXPECT_EQ(detail.field(), other == kOtherFields.end() ? own : other->second)
          << status.error_message();
    }
  }
}

// Where a field may be at its limits, it may be so.
TEST_F(BadInputTest, IsNotWhatIsWithinTheLimits) {
  for (const Row& row : all_rows()) {
    for (const std::string& good : row.good) {
      SCOPED_TRACE(row.field + " = " + good.substr(0, 80));
      const bool is_change = row.call == "Apply" || row.call == "Replace";
      const std::string request = with(row.request, good) + (is_change ? " dry_run: true" : "");
      const grpc::Status status = call(row.call, request);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }
}

TEST(BadInput, OfEveryFieldHasARow) {
  std::set<std::string> covered = kAnything;
  for (const Row& row : all_rows()) covered.insert(row.field);
  const std::set<std::string> fields = all_fields();
  for (const std::string& field : fields) {
    EXPECT_TRUE(covered.contains(field)) << field << ": what values of it are bad?";
  }
  for (const std::string& field : covered) {
    EXPECT_TRUE(fields.contains(field)) << field << ": is in no request";
  }
}

}  // namespace
}  // namespace butterfly
