// SPDX-License-Identifier: Apache-2.0
// Connections to be listed, counted and flushed.
#include "control/connections.h"

namespace butterfly {
namespace {

Status out_of_range(const std::string& field, uint64_t value, uint64_t max) {
  return invalid("connections: " + field + " " + std::to_string(value) +
                 " is too large (wanted 0.." + std::to_string(max) + ")");
}

v1::ConnectionEnd end_of(const FlowReport& report, Role role) {
  const wire::Endpoint& end = report.record.end(role);
  const FlowReport::Judge& judge = report.judge(role);
  v1::ConnectionEnd message;
  message.set_address(end.address.to_string());
  message.set_port(end.port);
  message.set_nic(judge.nic);
  message.set_is_current(judge.is_current);
  message.set_packets(report.record.tally(role).packets);
  message.set_bytes(report.record.tally(role).bytes);
  return message;
}

// The enums differ by the API's "unspecified".
v1::ConnectionState to_proto(FlowState state) {
  return static_cast<v1::ConnectionState>(static_cast<int>(state) + 1);
}

}  // namespace

StatusOr<FlowQuery> from_proto(const v1::ConnectionFilter& message) {
  FlowQuery query;
  FlowFilter& filter = query.filter;
  query.nic = message.nic();
  if (message.has_vni()) {
    if (message.vni() > kVniMax) return out_of_range("VNI", message.vni(), kVniMax);
    filter.vni = Vni{message.vni()};
  }
  if (message.has_protocol()) {
    if (message.protocol() > 255) return out_of_range("protocol", message.protocol(), 255);
    filter.protocol = static_cast<uint8_t>(message.protocol());
  }
  if (!message.address().empty()) {
    filter.address = IpAddress::parse(message.address());
    if (!filter.address) {
      return invalid("connections: address '" + message.address() +
                     "' is malformed (wanted an IPv4 or IPv6 address)");
    }
  }
  if (message.has_port()) {
    if (message.port() > 65535) return out_of_range("port", message.port(), 65535);
    filter.port = static_cast<uint16_t>(message.port());
  }
  if (message.state() < 0 || message.state() > static_cast<int>(kFlowStates)) {
    return invalid("connections: state " + std::to_string(message.state()) +
                   " is unknown (wanted one of ConnectionState)");
  }
  if (message.state() != v1::CONNECTION_STATE_UNSPECIFIED) {
    filter.state = static_cast<FlowState>(message.state() - 1);
  }
  if (message.role() < 0 || message.role() > v1::CONNECTION_ROLE_RESPONDER) {
    return invalid("connections: role " + std::to_string(message.role()) +
                   " is unknown (wanted one of ConnectionRole)");
  }
  if (message.role() != v1::CONNECTION_ROLE_UNSPECIFIED) {
    filter.role = static_cast<Role>(message.role() - 1);
  }
  filter.half_open = message.half_open();
  return query;
}

StatusOr<FlowQuery> from_proto(const v1::FlushConnectionsRequest& request) {
  const bool is_filtered = request.filter().ByteSizeLong() != 0;
  if (!is_filtered && !request.all()) {
    return invalid("connections: nothing says which to flush (wanted a filter, or all)");
  }
  if (is_filtered && request.all()) {
    return invalid("connections: both a filter and all (wanted one of them)");
  }
  return from_proto(request.filter());
}

v1::Connection to_proto(const FlowReport& report) {
  const FlowRecord& record = report.record;
  v1::Connection message;
  message.set_vni(record.vni.value);
  message.set_family(record.family() == wire::Family::v4 ? v1::FAMILY_V4 : v1::FAMILY_V6);
  message.set_protocol(record.tuple.protocol);
  *message.mutable_initiator() = end_of(report, Role::initiator);
  *message.mutable_responder() = end_of(report, Role::responder);
  message.set_state(to_proto(record.state()));
  message.set_idle_ms(record.idle_ms);
  message.set_expires_in_ms(record.left_ms);
  return message;
}

v1::CountConnectionsResponse to_proto(const FlowCounts& counts) {
  v1::CountConnectionsResponse message;
  uint64_t total = 0;
  for (size_t protocol = 0; protocol < counts.by.size(); ++protocol) {
    for (size_t state = 0; state < kFlowStates; ++state) {
      const uint64_t connections = counts.by[protocol][state];
      if (connections == 0) continue;
      v1::CountConnectionsResponse::Count& count = *message.add_counts();
      count.set_protocol(static_cast<uint32_t>(protocol));
      count.set_state(to_proto(static_cast<FlowState>(state)));
      count.set_connections(connections);
      total += connections;
    }
  }
  message.set_total(total);
  return message;
}

}  // namespace butterfly
