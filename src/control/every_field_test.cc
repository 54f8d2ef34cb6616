// SPDX-License-Identifier: Apache-2.0
// Every field of an intent goes through the API, the host and the disk and comes back as it was.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <map>

#include "butterfly/v1/butterfly.pb.h"
#include "control/answers.h"
#include "control/fake_host.h"
#include "control/sqlite_store.h"
#include "control/test_directory.h"

namespace butterfly {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Every field but those of the settings says something that is not its default.
constexpr const char* kIntent = R"(
nics {
  id: "tap-1" mac: "52:54:00:00:00:01" vni: 42 type: NIC_TYPE_TAP tap_name: "tap7"
  addresses: "10.0.0.1" addresses: "fd00::1" groups: "web" groups: "later" antispoof: false
  mtu: 1400 subnets: "lan" hostname: "web-1.example" dhcp_server: true router: true bypass: true
  carry_vlans: true
  queues: 1
  allowed { address: "10.0.0.0/24" mac: "00:00:5e:00:01:33" }
}
nics {
  id: "vhost-1" mac: "52:54:00:00:00:02" vni: 43 type: NIC_TYPE_VHOST_USER antispoof: true
  vhost_server: true queues: 4 packed: true
}
groups {
  name: "web" members: "10.0.0.9" members: "10.1.0.0/16" reject: true
  rules {
    direction: DIRECTION_INGRESS family: FAMILY_V4 protocol: 6 first_port: 80 last_port: 90
    peer_cidr: "10.0.0.0/8" description: "the web" key: "http" expression: "tcp[13] = 2"
    procedure: "slow"
  }
  rules { direction: DIRECTION_EGRESS protocol: 1 icmp_type: 8 icmp_code: 1 peer_group: "db" }
}
peers { address: "192.0.2.2" vnis: 42 vnis: 43 }
fdb { vni: 42 mac: "52:54:00:00:00:99" peer: "192.0.2.2" addresses: "10.0.0.99" }
guard {
  key: "no-telnet" priority: 5 action: GUARD_ACTION_DENY vni: 42
  match { direction: DIRECTION_INGRESS protocol: 6 first_port: 23 last_port: 23 }
  description: "never"
}
procedures {
  name: "slow" max_mss: 1200 min_ttl: 7 no_df: true random_id: true packets_per_second: 1000
  bits_per_second: 8000000 burst_ms: 50 log: true
}
subnets {
  name: "lan" prefix: "10.0.0.0/24" gateway: "10.0.0.254" server: "10.0.0.253"
  routes { prefix: "10.9.0.0/16" via: "10.0.0.252" } dns: "10.0.0.53" domains: "example.net"
  mtu: 1300 lease_s: 600
}
subnets {
  name: "lan6" prefix: "fd00:7::/64" gateway: "fe80::1" on_link: false managed: false
  autonomous: true lease_s: 7200
}
segments {
  vni: 42 gateways: "52:54:00:00:00:fe" suppress: true learn_peers: true group: "239.1.1.1"
}
)";

// Settings other than the defaults, by the table of their names.
void set_all(const KnobTable& table, Message& message) {
  for (const KnobInfo& info : table.rows) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(info.key);
    ASSERT_NE(field, nullptr) << info.key;
    if (info.unit == KnobUnit::on_off) {
      message.GetReflection()->SetBool(&message, field, info.standard == 0);
    } else {
      const uint32_t other = info.standard == info.most ? info.least : info.most;
      message.GetReflection()->SetUInt32(&message, field, other);
    }
  }
}

v1::Intent whole_intent() {
  v1::Intent intent;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kIntent, &intent));
  set_all(kFirewallKnobs, *intent.mutable_firewall());
  set_all(kSwitchKnobs, *intent.mutable_switching());
  return intent;
}

using Fields = std::set<std::string>;

std::string name_of(const FieldDescriptor& field) {
  return field.containing_type()->name() + "." + field.name();
}

// "Nic.mac", of the message's type and of all that it may hold.
void collect_fields(const google::protobuf::Descriptor& type, Fields& fields) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!fields.insert(name_of(field)).second || !field.message_type()) continue;
    collect_fields(*field.message_type(), fields);
  }
}

// Of those the ones that are set somewhere in it. Without presence a default is not.
void collect_set(const Message& message, Fields& fields) {
  std::vector<const FieldDescriptor*> set;
  const auto& reflection = *message.GetReflection();
  reflection.ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    fields.insert(name_of(*field));
    if (!field->message_type()) continue;
    if (!field->is_repeated()) {
      collect_set(reflection.GetMessage(message, field), fields);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      collect_set(reflection.GetRepeatedMessage(message, field, i), fields);
    }
  }
}

// A daemon's control side, with a state file of its own.
struct Control {
  Control() { restart(); }
  void restart() {
    keeper.reset();
    host = std::make_unique<FakeHost>();
    host->expressions = std::make_shared<ChildCompiler>(BUTTERFLY_EXPRESSION_COMPILER);
    store.reset();
    store = *SqliteStore::open(directory.file("state.db"));
    auto started = IntentKeeper::start(*host, *store);
    ASSERT_TRUE(started.ok()) << started.status();
    keeper = *std::move(started);
  }
  Status replace(const v1::Intent& intent) {
    v1::ReplaceRequest request;
    *request.mutable_intent() = intent;
    v1::ReplaceResponse response;
    return Answers(*host, *keeper).replace(request, response);
  }
  v1::Intent dump() {
    v1::GetIntentResponse response;
    Answers(*host, *keeper).intent(response);
    return response.intent();
  }

  TestDirectory directory;
  std::unique_ptr<FakeHost> host;
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<IntentKeeper> keeper;
};

// Empty when both say the same; lists may come in another order, and rules have ids.
std::string difference_of(const v1::Intent& wanted, const v1::Intent& found) {
  google::protobuf::util::MessageDifferencer differencer;
  differencer.set_repeated_field_comparison(google::protobuf::util::MessageDifferencer::AS_SET);
  differencer.IgnoreField(v1::Rule::descriptor()->FindFieldByName("id"));
  std::string report;
  differencer.ReportDifferencesToString(&report);
  return differencer.Compare(wanted, found) ? "" : report;
}

TEST(EveryField, OfAnIntentIsSetInThisTest) {
  Fields all, set;
  collect_fields(*v1::Intent::descriptor(), all);
  collect_set(whole_intent(), set);
  set.insert("Rule.id");  // made of the others
  for (const std::string& field : all) {
    EXPECT_TRUE(set.contains(field)) << field << ": kIntent wants a value of it";
  }
}

TEST(EveryField, OfAnIntentComesBackFromADaemon) {
  Control control;
  ASSERT_EQ(control.replace(whole_intent()), ok_status());
  const v1::Intent dumped = control.dump();
  EXPECT_EQ(difference_of(whole_intent(), dumped), "");

  Control fresh;
  ASSERT_EQ(fresh.replace(dumped), ok_status());
  EXPECT_EQ(fresh.dump().SerializeAsString(), dumped.SerializeAsString())
      << difference_of(dumped, fresh.dump());

  control.restart();
  EXPECT_EQ(control.dump().SerializeAsString(), dumped.SerializeAsString())
      << difference_of(dumped, control.dump());
}

// As the whole, each change makes its part: what a nic_put, a group_put … have said is there.
TEST(EveryField, OfAPutComesBackAsWell) {
  const v1::Intent wanted = whole_intent();
  v1::ApplyRequest request;
  for (const auto& procedure : wanted.procedures()) {
    *request.add_changes()->mutable_procedure_put() = procedure;
  }
  for (const auto& subnet : wanted.subnets()) *request.add_changes()->mutable_subnet_put() = subnet;
  for (const auto& nic : wanted.nics()) *request.add_changes()->mutable_nic_put() = nic;
  for (const auto& group : wanted.groups()) *request.add_changes()->mutable_group_put() = group;
  for (const auto& peer : wanted.peers()) *request.add_changes()->mutable_peer_put() = peer;
  for (const auto& entry : wanted.fdb()) *request.add_changes()->mutable_fdb_put() = entry;
  for (const auto& rule : wanted.guard()) *request.add_changes()->mutable_guard_put() = rule;
  for (const auto& one : wanted.segments()) *request.add_changes()->mutable_segment_put() = one;
  *request.add_changes()->mutable_firewall_set() = wanted.firewall();
  *request.add_changes()->mutable_switch_set() = wanted.switching();
  Control control;
  v1::ApplyResponse response;
  ASSERT_EQ(Answers(*control.host, *control.keeper).apply(request, response), ok_status());
  EXPECT_EQ(difference_of(wanted, control.dump()), "");
}

// An update that names every field makes one nic the other.
TEST(EveryField, OfANicCanBeUpdated) {
  v1::Nic target = whole_intent().nics(0);
  v1::NicUpdate update;
  update.set_id(target.id());
  Fields unset;
  for (int i = 0; i < v1::Nic::descriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *v1::Nic::descriptor()->field(i);
    const FieldDescriptor* to = v1::NicUpdate::descriptor()->FindFieldByName(field.name());
    ASSERT_NE(to, nullptr) << field.name() << ": NicUpdate wants it, too";
    const auto& from_reflection = *target.GetReflection();
    const auto& to_reflection = *update.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (field.is_repeated()) continue;
        to_reflection.SetString(&update, to, from_reflection.GetString(target, &field));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        to_reflection.SetUInt32(&update, to, from_reflection.GetUInt32(target, &field));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        to_reflection.SetBool(&update, to, from_reflection.GetBool(target, &field));
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        to_reflection.SetEnum(&update, to, from_reflection.GetEnum(target, &field));
        break;
      default:
        ASSERT_TRUE(field.is_repeated()) << field.name() << ": of a type that is new here";
    }
  }
  *update.mutable_addresses()->mutable_addresses() = target.addresses();
  *update.mutable_groups()->mutable_groups() = target.groups();
  *update.mutable_subnets()->mutable_subnets() = target.subnets();
  *update.mutable_allowed()->mutable_allowed() = target.allowed();
  Fields all, set;
  collect_fields(*v1::NicUpdate::descriptor(), all);
  collect_set(update, set);
  EXPECT_EQ(set, all);

  Control control;
  v1::Intent before = whole_intent();
  v1::Nic bare;
  bare.set_id(target.id());
  bare.set_mac("52:54:00:00:00:77");
  bare.set_vni(44);
  *before.mutable_nics(0) = bare;
  ASSERT_EQ(control.replace(before), ok_status());
  v1::ApplyRequest request;
  *request.add_changes()->mutable_nic_update() = update;
  v1::ApplyResponse response;
  ASSERT_EQ(Answers(*control.host, *control.keeper).apply(request, response), ok_status());
  EXPECT_EQ(difference_of(whole_intent(), control.dump()), "");
}

}  // namespace
}  // namespace butterfly
