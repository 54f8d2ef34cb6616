// SPDX-License-Identifier: Apache-2.0
// An intent that is valid, and how tests spoil it: shared by the tests of validation.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>

#include "host/intent/difference.h"
#include "host/intent/intent.h"
#include "host/intent/limits.h"

namespace butterfly::test {

inline NicIntent make_nic(const std::string& id, uint64_t mac) {
  NicIntent nic;
  nic.id = id;
  nic.mac = Mac::from_u64(mac);
  nic.vni = Vni(42);
  return nic;
}

inline void put(Intent& intent, const NicIntent& nic) { intent.nics[nic.id] = nic; }

inline void put(Intent& intent, const RuleIntent& rule) {
  intent.groups["web"].rules[rule_id(rule)] = rule;
}

inline void put(Intent& intent, const ProcedureIntent& procedure) {
  intent.procedures[procedure.name] = procedure;
}

inline void put(Intent& intent, const SubnetIntent& subnet) {
  intent.subnets[subnet.name] = subnet;
}

inline void put(Intent& intent, const GuardIntent& rule) { intent.guard[rule.key] = rule; }

inline GuardIntent make_guard(const std::string& key) {
  GuardIntent rule;
  rule.key = key;
  rule.priority = 65'535;
  rule.vni = Vni(kVniMax);
  rule.match.protocol = 6;
  rule.match.first_port = rule.match.last_port = 23;
  rule.match.peer_cidr = Cidr::parse("10.0.0.0/8");
  rule.match.expression = "tcp[tcpflags] = tcp-syn";
  return rule;
}

inline SubnetIntent make_subnet(const std::string& name) {
  SubnetIntent subnet;
  subnet.name = name;
  subnet.prefix = *Cidr::parse("10.0.0.0/24");
  subnet.gateway = *IpAddress::parse("10.0.0.1");
  subnet.server = *IpAddress::parse("10.0.0.254");
  subnet.routes = {{*Cidr::parse("10.9.0.0/16"), *IpAddress::parse("10.0.0.9")},
                   {*Cidr::parse("10.8.0.0/32"), {}}};
  subnet.dns = {*IpAddress::parse("10.0.0.3"), *IpAddress::parse("192.0.2.53")};
  subnet.domains = {"example.org", "x"};
  subnet.mtu = 576;
  subnet.lease_s = 10;
  return subnet;
}

inline SubnetIntent make_subnet_v6(const std::string& name) {
  SubnetIntent subnet;
  subnet.name = name;
  subnet.prefix = *Cidr::parse("fd00:7::/64");
  subnet.gateway = *IpAddress::parse("fe80::1");
  subnet.dns = {*IpAddress::parse("fd00::53")};
  subnet.domains = {"example.org"};
  subnet.mtu = 1280;
  subnet.autonomous = true;
  return subnet;
}

// Two nics, a group with a rule, a procedure, a guard rule, two subnets, a peer and a static entry:
// valid.
inline Intent good_intent() {
  Intent intent;
  put(intent, make_nic("a", 0x525400000001));
  NicIntent tap = make_nic("b", 0x525400000002);
  tap.type = NicType::tap;
  tap.addresses = {*IpAddress::parse("10.0.0.2"), *IpAddress::parse("fd00::2")};
  tap.groups = {"web", "later"};
  tap.subnets = {"lan"};
  tap.hostname = "web-1.example.org";
  put(intent, tap);
  intent.groups["web"].name = "web";
  RuleIntent http;
  http.protocol = 6;
  http.first_port = http.last_port = 80;
  put(intent, http);
  put(intent, ProcedureIntent{"plain", 65'535, 255, true, true, 1'000'000'000, 8'000, 10'000});
  put(intent, make_guard("no-telnet"));
  put(intent, make_subnet("lan"));
  put(intent, make_subnet_v6("lan6"));
  const IpAddress peer = *IpAddress::parse("192.0.2.2");
  intent.peers[peer] = {peer, {Vni(42)}};
  const Mac far = Mac::from_u64(0x525400000099);
  intent.fdb[{Vni(42), far}] = {Vni(42), far, peer};
  return intent;
}

inline void add_rule(Intent& intent, const std::function<void(RuleIntent&)>& make) {
  RuleIntent rule;
  make(rule);
  put(intent, rule);
}

inline void allow(Intent& intent, uint64_t mac) {
  intent.nics["a"].allowed = {{*Cidr::parse("10.0.0.100"), Mac::from_u64(mac)}};
}

// One mistake, and what the operator is told.
struct Mistake {
  const char* name;
  std::function<void(Intent&)> make;
  const char* message;
};

// Each is refused by name; and is found, in the same words, by what changed alone.
inline void expect_refused(std::span<const Mistake> mistakes) {
  const Intent good = good_intent();
  EXPECT_EQ(validate_change(good, difference(Intent{}, good)), ok_status());
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.name);
    Intent bad = good;
    mistake.make(bad);
    const Status status = validate(bad);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(mistake.message));
    EXPECT_EQ(validate_change(bad, difference(good, bad)), status);
    EXPECT_EQ(validate_change(bad, difference(Intent{}, bad)), status);
  }
}

// What validate() says, after a look that the change alone gets the same answer.
inline Status validate_both(const Intent& before, const Intent& next) {
  const Status status = validate(next);
  EXPECT_EQ(validate_change(next, difference(before, next)), status);
  return status;
}

}  // namespace butterfly::test
