// SPDX-License-Identifier: Apache-2.0
// Rows of bad_input_test.cc: nics.
#pragma once

#include <string>
#include <vector>

#include "control/bad_input_values.h"

namespace butterfly::bad_input {

inline std::vector<Row> nic_rows() {
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

}  // namespace butterfly::bad_input
