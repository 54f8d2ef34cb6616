// SPDX-License-Identifier: Apache-2.0
// What is wrong with a nic, as an operator is told; and how many there may be.
#include "host/intent/intent_for_test.h"

namespace butterfly {
namespace {

using test::allow;
using test::good_intent;
using test::make_nic;
using test::make_subnet;
using test::make_subnet_v6;
using test::Mistake;
using test::put;
using test::validate_both;

const Mistake kMistakes[] = {
    {"empty nic id", [](Intent& i) { put(i, make_nic("", 0x2)); },
     "nic '': name is empty (wanted 1..64 of [A-Za-z0-9._-], starting with a letter or digit)"},
    {"nic id with a space", [](Intent& i) { put(i, make_nic("a b", 0x2)); },
     "nic 'a b': name is malformed"},
    {"nic id that starts with a dash", [](Intent& i) { put(i, make_nic("-a", 0x2)); },
     "nic '-a': name is malformed"},
    {"nic id of 65", [](Intent& i) { put(i, make_nic(std::string(65, 'x'), 0x2)); },
     "name has 65 characters (wanted 1..64"},
    {"group MAC", [](Intent& i) { i.nics["a"].mac = Mac::from_u64(0x010000000000); },
     "nic 'a': MAC 01:00:00:00:00:00 is a group address (wanted unicast)"},
    {"zero MAC", [](Intent& i) { i.nics["a"].mac = {}; },
     "nic 'a': MAC is zero (wanted a unicast address)"},
    {"big VNI", [](Intent& i) { i.nics["a"].vni = Vni(20000000); },
     "nic 'a': VNI 20000000 exceeds 24 bits (wanted 1..16777215)"},
    {"no VNI", [](Intent& i) { i.nics["a"].vni = Vni(0); },
     "nic 'a': VNI 0 names no segment (wanted 1..16777215)"},
    {"one MAC twice in a VNI", [](Intent& i) { i.nics["b"].mac = i.nics["a"].mac; },
     "nic 'b': MAC 52:54:00:00:00:01 is nic 'a' in VNI 42 (wanted one nic a MAC in a VNI)"},
    {"multicast address",
     [](Intent& i) { i.nics["a"].addresses = {*IpAddress::parse("224.0.0.1")}; },
     "nic 'a': address 224.0.0.1 is no host's own (wanted unicast)"},
    {"allowed multicast",
     [](Intent& i) {
       i.nics["a"].allowed = {{*Cidr::parse("224.0.0.0/4"), std::nullopt}};
     },
     "nic 'a': allowed: prefix 224.0.0.0/4 holds no host's own address (wanted unicast)"},
    {"allowed address of nobody",
     [](Intent& i) {
       i.nics["a"].allowed = {{*Cidr::parse("0.0.0.0"), std::nullopt}};
     },
     "nic 'a': allowed: address 0.0.0.0 is no host's own (wanted unicast)"},
    {"allowed group MAC", [](Intent& i) { allow(i, 0x01005e000001); },
     "nic 'a': allowed: MAC 01:00:5e:00:00:01 is a group address (wanted unicast)"},
    {"allowed zero MAC", [](Intent& i) { allow(i, 0); },
     "nic 'a': allowed: MAC is zero (wanted a unicast address)"},
    {"allowed MAC of another nic", [](Intent& i) { allow(i, 0x525400000002); },
     "nic 'a': allowed MAC 52:54:00:00:00:02 is nic 'b' (wanted one that no nic has)"},
    {"allowed MAC of a static entry", [](Intent& i) { allow(i, 0x525400000099); },
     "nic 'a': allowed MAC 52:54:00:00:00:99 is a static fdb entry (wanted one that may move)"},
    {"gateway that is a group",
     [](Intent& i) {
       i.segments.set(Vni(7), {Vni(7), {Mac::broadcast()}});
     },
     "segment 7: gateway: MAC ff:ff:ff:ff:ff:ff is a group address (wanted unicast)"},
    {"group twice",
     [](Intent& i) {
       i.nics["b"].groups = {"web", "web"};
     },
     "nic 'b': group 'web' listed twice (wanted once)"},
    {"malformed group name on a nic", [](Intent& i) { i.nics["b"].groups = {"w/b"}; },
     "nic 'b': group 'w/b': name is malformed"},
    {"tap name on vhost-user", [](Intent& i) { i.nics["a"].tap_name = "tap7"; },
     "nic 'a': tap name 'tap7' on a vhost-user nic (wanted type tap)"},
    {"vhost server on a tap", [](Intent& i) { i.nics["b"].vhost_server = true; },
     "nic 'b': vhost server on a tap (wanted type vhost-user)"},
    {"queues on a tap", [](Intent& i) { i.nics["b"].queues = 2; },
     "nic 'b': 2 queues on a tap (wanted 1, or type vhost-user)"},
    {"packed rings on a tap", [](Intent& i) { i.nics["b"].packed = true; },
     "nic 'b': packed rings on a tap (wanted type vhost-user)"},
    {"too many queues", [](Intent& i) { i.nics["a"].queues = 17; },
     "nic 'a': 17 queues (wanted 1..16)"},
    {"small MTU", [](Intent& i) { i.nics["a"].mtu = 575; },
     "nic 'a': MTU 575 is out of range (wanted 576..9000, or 0 for the host's choice)"},
    {"large MTU", [](Intent& i) { i.nics["a"].mtu = 9001; },
     "nic 'a': MTU 9001 is out of range (wanted 576..9000, or 0 for the host's choice)"},
    {"tap name of 16", [](Intent& i) { i.nics["b"].tap_name = "tap0123456789012"; },
     "nic 'b': tap name 'tap0123456789012' has 16 characters (wanted 1..15)"},
    {"tap name with a slash", [](Intent& i) { i.nics["b"].tap_name = "t/p"; },
     "nic 'b': tap name 't/p' is malformed"},
    {"tap name for the kernel to fill in", [](Intent& i) { i.nics["b"].tap_name = "tap%d"; },
     "nic 'b': tap name 'tap%d' is malformed"},
    {"tap name of another nic",
     [](Intent& i) {
       NicIntent nic = make_nic("c", 0x525400000003);
       nic.type = NicType::tap;
       nic.tap_name = "b";  // the default of nic b
       put(i, nic);
     },
     "nic 'c': tap name 'b' is taken by nic 'b' (wanted a free one)"},
    {"nic: subnet that is not there", [](Intent& i) { i.nics["b"].subnets = {"wan"}; },
     "nic 'b': subnet 'wan' is not there (wanted one of the subnets)"},
    {"nic: subnet that goes", [](Intent& i) { i.subnets.clear(); },
     "nic 'b': subnet 'lan' is not there (wanted one of the subnets)"},
    {"nic: no address in its subnet", [](Intent& i) { i.nics["a"].subnets = {"lan"}; },
     "nic 'a': no address in subnet 'lan', 10.0.0.0/24 (wanted one)"},
    {"nic: two subnets of a family",
     [](Intent& i) {
       put(i, make_subnet("more"));
       i.nics["b"].subnets = {"lan", "more"};
     },
     "nic 'b': subnets 'lan' and 'more' are of one family (wanted at most one of each)"},
    {"nic: VLANs with antispoof", [](Intent& i) { i.nics["a"].carry_vlans = true; },
     "nic 'a': VLANs carried with antispoof (wanted antispoof off: nobody looks at addresses in a "
     "tagged frame)"},
    {"nic: no address in its managed subnet of IPv6",
     [](Intent& i) {
       i.nics["b"].subnets = {"lan", "lan6"};
     },
     "nic 'b': no address in subnet 'lan6', fd00:7::/64 (wanted one)"},
    {"nic: two subnets of IPv6",
     [](Intent& i) {
       put(i, make_subnet_v6("more6"));
       i.subnets["lan6"].managed = i.subnets["more6"].managed = false;
       i.nics["b"].subnets = {"lan6", "lan", "more6"};
     },
     "nic 'b': subnets 'lan6' and 'more6' are of one family (wanted at most one of each)"},
    {"nic: hostname with a space", [](Intent& i) { i.nics["b"].hostname = "web 1"; },
     "nic 'b': hostname 'web 1' is malformed (wanted labels of 1..63 letters, digits and inner "
     "dashes, with dots between)"},
    {"nic: hostname that ends in a dash", [](Intent& i) { i.nics["b"].hostname = "web-"; },
     "nic 'b': hostname 'web-' is malformed"},
    {"nic: hostname with an empty label", [](Intent& i) { i.nics["b"].hostname = "a..b"; },
     "nic 'b': hostname 'a..b' is malformed"},
    {"nic: hostname of 64", [](Intent& i) { i.nics["b"].hostname = std::string(64, 'x'); },
     "has 64 characters (wanted 1..63)"},
};

TEST(Validate, NamesWhatIsWrongWithANic) { test::expect_refused(kMistakes); }

TEST(Validate, LetsNicsShareWhatTheyAreAllowed) {
  Intent intent = good_intent();
  allow(intent, 0x00005e000133);
  std::set<AllowedIntent> allowed = intent.nics.at("a").allowed;
  allowed.insert({*Cidr::parse("0.0.0.0/0"), std::nullopt});
  allowed.insert({*Cidr::parse("fd00:1::/64"), intent.nics.at("b").mac});
  intent.nics["b"].allowed = allowed;
  EXPECT_EQ(validate(intent), ok_status());
  EXPECT_EQ(validate_change(intent, difference(good_intent(), intent)), ok_status());
  Intent next = intent;
  put(next, make_nic("late", 0x00005e000133));
  const Status status = validate_change(next, difference(intent, next));
  EXPECT_EQ(status, validate(next));
  EXPECT_EQ(status.message(),
            "nic 'a': allowed MAC 00:00:5e:00:01:33 is nic 'late' (wanted one that no nic has)");
  next = intent;
  const Mac shared = Mac::from_u64(0x00005e000133);
  next.fdb[{Vni(42), shared}] = {Vni(42), shared, next.peers.begin()->first};
  EXPECT_EQ(validate_change(next, difference(intent, next)), validate(next));
  EXPECT_FALSE(validate(next).ok());
}

TEST(Validate, LetsTwoTenantsUseOneMacAndOneAddress) {
  Intent intent = good_intent();
  NicIntent twin = intent.nics["b"];
  twin.id = twin.tap_name = "twin";
  twin.vni = Vni(43);
  put(intent, twin);
  EXPECT_EQ(validate(intent), ok_status());
}

TEST(Validate, TakesAFullHostAndRefusesOneNicMore) {
  Intent intent;
  for (size_t i = 0; i < kMaxNics; ++i) {
    put(intent, make_nic("nic" + std::to_string(i), 0x525400000000 + i));
  }
  EXPECT_EQ(validate(intent), ok_status());
  const Intent full = intent;
  put(intent, make_nic("more", 0x525500000000));
  const Status status = validate_both(full, intent);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(status.message(), "nics: 1265 exceed the limit (wanted at most 1264)");
}

TEST(Validate, TakesSixtyFourAllowedAddressesAndRefusesOneMore) {
  Intent intent = good_intent();
  for (uint8_t n = 1; n <= 64; ++n) {
    intent.nics["a"].allowed.insert({Cidr(Ipv4{{10, 9, 0, n}}), std::nullopt});
  }
  EXPECT_EQ(validate(intent), ok_status());
  intent.nics["a"].allowed.insert({Cidr(Ipv4{{10, 9, 1, 0}}), std::nullopt});
  EXPECT_EQ(validate(intent).ToString(),
            "RESOURCE_EXHAUSTED: nic 'a': allowed: 65 exceed the limit (wanted at most 64)");
}

TEST(Validate, TakesSixteenGatewaysAndRefusesOneMore) {
  SegmentIntent segment{Vni(7), {}};
  for (uint64_t n = 1; n <= 16; ++n) segment.gateways.insert(Mac::from_u64(n));
  Intent intent = good_intent();
  intent.segments.set(Vni(7), segment);
  EXPECT_EQ(validate(intent), ok_status());
  segment.gateways.insert(Mac::from_u64(17));
  intent.segments.set(Vni(7), segment);
  EXPECT_EQ(validate(intent).ToString(),
            "RESOURCE_EXHAUSTED: segment 7: gateways: 17 exceed the limit (wanted at most 16)");
}

}  // namespace
}  // namespace butterfly
