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
#include "control/bad_input_group_rows.h"
#include "control/bad_input_network_rows.h"
#include "control/bad_input_nic_rows.h"
#include "control/fake_host.h"
#include "control/fake_settings.h"
#include "control/raw_call.h"
#include "control/server.h"
#include "control/sqlite_store.h"
#include "control/test_directory.h"

namespace butterfly {
namespace {

using namespace bad_input;  // NOLINT: the rows speak its words
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

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
      {"ExportConnectionsRequest.when_gone",
       "ExportConnections",
       "nic: \"t\" when_gone: $",
       {{"true", "nic 't': a tap's guest never goes (wanted a vhost-user nic)",
         StatusCode::FAILED_PRECONDITION}},
       {"false"}},
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
       each({"0", "17", "-1"}, "events: kind $ is unknown (wanted 1..16)"),
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
