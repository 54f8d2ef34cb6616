// SPDX-License-Identifier: Apache-2.0
// Exports are bytes from somewhere: whole and sound, or refused with a reason.
#include "control/connections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace butterfly {
namespace {

using testing::HasSubstr;

v1::ExportedConnection udp(uint32_t port) {
  v1::ExportedConnection message;
  message.set_protocol(17);
  message.set_nic_role(v1::CONNECTION_ROLE_INITIATOR);
  message.mutable_initiator()->set_address("10.0.0.1");
  message.mutable_initiator()->set_port(port);
  message.mutable_responder()->set_address("10.0.0.2");
  message.mutable_responder()->set_port(53);
  return message;
}

v1::ExportedConnection tcp(uint32_t port) {
  v1::ExportedConnection message = udp(port);
  message.set_protocol(6);
  message.set_tcp_state(v1::TCP_STATE_ESTABLISHED);
  message.set_tcp_seen(3);
  for (v1::ExportedEnd* end : {message.mutable_initiator(), message.mutable_responder()}) {
    end->mutable_tcp()->set_end(0xffffff00);
    end->mutable_tcp()->set_max_end(100);  // numbers wrap
    end->mutable_tcp()->set_last_ack(7);
    end->mutable_tcp()->set_window_log(15);
    end->mutable_tcp()->set_window_scale(14);
  }
  return message;
}

v1::ConnectionExport whole(int count) {
  v1::ConnectionExport message;
  message.set_version(kExportVersion);
  message.set_nic("a");
  message.set_vni(42);
  for (int i = 0; i < count; ++i) {
    const auto port = static_cast<uint32_t>(1000 + i);
    *message.add_connections() = i % 2 == 0 ? tcp(port) : udp(port);
  }
  message.set_total(static_cast<uint64_t>(count));
  return message;
}

Status read(const v1::ConnectionExport& message, uint64_t limit = 1000) {
  ExportReader reader(limit);
  RETURN_IF_ERROR(reader.add(message));
  return reader.finish();
}

// What is wrong with a whole export whose first (TCP) connection `spoil` has changed.
template <typename Spoil>
std::string fault_of(Spoil spoil) {
  v1::ConnectionExport message = whole(3);
  spoil(*message.mutable_connections(0));
  return std::string(read(message).message());
}

TEST(ConnectionExportTest, WhatIsWrittenIsReadAgain) {
  const v1::ConnectionExport message = whole(10);
  ExportReader reader(10);
  ASSERT_TRUE(reader.add(message).ok());
  ASSERT_TRUE(reader.finish().ok());
  ASSERT_EQ(reader.flows().size(), 10u);
  EXPECT_EQ(reader.vni(), Vni{42});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(to_proto(reader.flows()[static_cast<size_t>(i)]).SerializeAsString(),
              message.connections(i).SerializeAsString());
  }
}

TEST(ConnectionExportTest, PartsBehindOneAnotherAreOneExport) {
  v1::ConnectionExport parts = whole(2);
  parts.clear_total();
  v1::ConnectionExport last = whole(4);
  last.mutable_connections()->DeleteSubrange(0, 2);
  v1::ConnectionExport together;
  ASSERT_TRUE(together.ParseFromString(parts.SerializeAsString() + last.SerializeAsString()));
  EXPECT_TRUE(read(together).ok());
}

TEST(ConnectionExportTest, EveryFieldIsChecked) {
  using M = v1::ExportedConnection&;
  EXPECT_EQ(fault_of([](M m) { m.set_protocol(256); }),
            "connection 1: protocol 256 is too large (wanted 0..255)");
  EXPECT_EQ(fault_of([](M m) { m.clear_nic_role(); }),
            "connection 1: nic_role 0 (wanted initiator or responder)");
  EXPECT_EQ(fault_of([](M m) { m.mutable_initiator()->set_address("10.0.0"); }),
            "connection 1: address '10.0.0' is malformed (wanted an IPv4 or IPv6 address)");
  EXPECT_EQ(fault_of([](M m) { m.mutable_responder()->set_address("fd00::1"); }),
            "connection 1: ends of both families (wanted one)");
  EXPECT_EQ(fault_of([](M m) { m.mutable_responder()->set_port(65536); }),
            "connection 1: port 65536 is too large (wanted 0..65535)");
  EXPECT_THAT(fault_of([](M m) { m.mutable_initiator()->set_packets(~0ULL); }),
              HasSubstr("packets 18446744073709551615 is too large"));
  EXPECT_THAT(fault_of([](M m) { m.mutable_initiator()->set_bytes(1ULL << 50); }),
              HasSubstr("bytes 1125899906842624 is too large"));
  EXPECT_THAT(fault_of([](M m) { m.set_idle_ms(259'200'001); }),
              HasSubstr("idle_ms 259200001 is too large (wanted 0..259200000)"));
  EXPECT_EQ(fault_of([](M m) { m.clear_tcp_state(); }),
            "connection 1: TCP state 0 is unknown (wanted 1..7)");
  EXPECT_EQ(fault_of([](M m) { m.set_tcp_state(static_cast<v1::TcpState>(8)); }),
            "connection 1: TCP state 8 is unknown (wanted 1..7)");
  EXPECT_THAT(fault_of([](M m) { m.set_tcp_seen(64); }), HasSubstr("tcp_seen 64 is too large"));
  EXPECT_EQ(fault_of([](M m) { m.mutable_initiator()->clear_tcp(); }),
            "connection 1: no TCP numbers (wanted those of both ends)");
  EXPECT_THAT(fault_of([](M m) { m.mutable_initiator()->mutable_tcp()->set_last_ack(65536); }),
              HasSubstr("last_ack 65536 is too large"));
  EXPECT_THAT(fault_of([](M m) { m.mutable_responder()->mutable_tcp()->set_window_log(16); }),
              HasSubstr("window_log 16 is too large (wanted 0..15)"));
  EXPECT_THAT(fault_of([](M m) { m.mutable_initiator()->mutable_tcp()->set_window_scale(15); }),
              HasSubstr("window_scale 15 is too large (wanted 0..14)"));
  EXPECT_THAT(fault_of([](M m) { m.mutable_initiator()->mutable_tcp()->set_end(101); }),
              HasSubstr("end 101 lies behind max_end 100"));
  EXPECT_THAT(fault_of([](M m) { m.set_protocol(17); }),
              HasSubstr("TCP fields with protocol 17 (wanted none)"));
}

TEST(ConnectionExportTest, WhatIsCutOrDoubledIsRefused) {
  v1::ConnectionExport message = whole(3);
  message.set_version(2);
  EXPECT_EQ(read(message).message(), "connections: version 2 of the format is unknown (wanted 1)");
  message = whole(3);
  message.set_vni(0);
  EXPECT_EQ(read(message).message(), "connections: VNI 0 (wanted 1..16777215)");
  message = whole(3);
  message.clear_total();
  EXPECT_EQ(read(message).message(),
            "connections: the last part is missing (wanted the whole export)");
  message = whole(3);
  message.mutable_connections()->RemoveLast();
  EXPECT_EQ(read(message).message(), "connections: 2 of 3 are there (wanted the whole export)");
  message = whole(3);
  std::swap(*message.mutable_connections(2)->mutable_initiator(),
            *message.mutable_connections(2)->mutable_responder());
  *message.mutable_connections(0) = message.connections(2);
  std::swap(*message.mutable_connections(0)->mutable_initiator(),
            *message.mutable_connections(0)->mutable_responder());
  EXPECT_EQ(read(message).message(), "connection 3: the same as connection 1 (wanted each once)");
  EXPECT_EQ(read(whole(3), 2).code(), absl::StatusCode::kResourceExhausted);
}

// Bytes that somebody has damaged or made up: refused, or as sound as any.
TEST(ConnectionExportTest, DamagedBytesNeverPassUnchecked) {
  const std::string good = whole(6).SerializeAsString();
  std::mt19937 random(20261126);  // NOLINT: the same each time
  size_t read_whole = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (uint32_t change = 0; change <= random() % 4; ++change) {
      const size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 8);
          break;
        default:
          bytes.insert(at, 1, static_cast<char>(random()));
      }
      if (bytes.empty()) bytes = "x";
    }
    v1::ConnectionExport message;
    if (!message.ParseFromString(bytes)) continue;
    ExportReader reader(100);
    if (!reader.add(message).ok() || !reader.finish().ok()) continue;
    ++read_whole;
    for (const NicFlow& flow : reader.flows()) {
      EXPECT_EQ(flow.record.tcp.state != tcp::State::none, flow.record.tuple.protocol == 6);
      EXPECT_LE(flow.record.tcp.state, tcp::State::time_wait);
      EXPECT_LE(flow.record.idle_ms, 259'200'000u);
    }
  }
  EXPECT_GT(read_whole, 0u);
}

TEST(ConnectionFilterTest, EveryFieldIsChecked) {
  v1::ConnectionFilter filter;
  filter.set_vni(1 << 24);
  EXPECT_EQ(from_proto(filter).status().message(),
            "connections: VNI 16777216 is too large (wanted 0..16777215)");
  filter = {};
  filter.set_protocol(256);
  EXPECT_EQ(from_proto(filter).status().message(),
            "connections: protocol 256 is too large (wanted 0..255)");
  filter = {};
  filter.set_address("web");
  EXPECT_EQ(from_proto(filter).status().message(),
            "connections: address 'web' is malformed (wanted an IPv4 or IPv6 address)");
  filter = {};
  filter.set_port(65536);
  EXPECT_EQ(from_proto(filter).status().message(),
            "connections: port 65536 is too large (wanted 0..65535)");
  filter = {};
  filter.set_state(static_cast<v1::ConnectionState>(7));
  EXPECT_EQ(from_proto(filter).status().message(),
            "connections: state 7 is unknown (wanted one of ConnectionState)");
  filter = {};
  filter.set_role(static_cast<v1::ConnectionRole>(3));
  EXPECT_EQ(from_proto(filter).status().message(),
            "connections: role 3 is unknown (wanted one of ConnectionRole)");
}

TEST(ConnectionFilterTest, AFlushSaysWhatItMeans) {
  v1::FlushConnectionsRequest request;
  EXPECT_EQ(from_proto(request).status().message(),
            "connections: nothing says which to flush (wanted a filter, or all)");
  request.set_all(true);
  EXPECT_TRUE(from_proto(request).ok());
  request.mutable_filter()->set_port(0);  // a filter, though of zero
  EXPECT_EQ(from_proto(request).status().message(),
            "connections: both a filter and all (wanted one of them)");
}

}  // namespace
}  // namespace butterfly
