// SPDX-License-Identifier: Apache-2.0
#include "control/check.h"

#include "control/from_proto.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

constexpr uint32_t kTcp = 6, kUdp = 17, kSctp = 132, kIcmp = 1, kIcmpv6 = 58;
constexpr uint16_t kAnyClient = 49152;  // the first dynamic port (RFC 6335 §6)

Status check_ports(const std::string& what, const v1::CheckPacketRequest& request) {
  const uint32_t protocol = request.protocol();
  const bool has_ports = protocol == kTcp || protocol == kUdp || protocol == kSctp;
  if (has_ports && !request.has_destination_port()) {
    return invalid(what + ": no destination port (wanted one, of TCP, UDP and SCTP)");
  }
  if (!has_ports && (request.has_destination_port() || request.has_source_port())) {
    return invalid(what + ": ports with protocol " + std::to_string(protocol) +
                   " (wanted TCP, UDP or SCTP)");
  }
  return ok_status();
}

Status check_icmp(const std::string& what, const v1::CheckPacketRequest& request, bool is_v4) {
  const uint32_t protocol = request.protocol();
  const bool is_icmp = protocol == kIcmp || protocol == kIcmpv6;
  if (is_icmp && (protocol == kIcmp) != is_v4) {
    return invalid(what + ": protocol " + std::to_string(protocol) + " with an " +
                   (is_v4 ? "IPv4" : "IPv6") + " peer (wanted the ICMP of its family)");
  }
  if (!is_icmp && (request.has_icmp_type() || request.has_icmp_code())) {
    return invalid(what + ": an ICMP type or code with protocol " + std::to_string(protocol) +
                   " (wanted ICMP or ICMPv6)");
  }
  return ok_status();
}

}  // namespace

StatusOr<CheckQuery> from_proto(const v1::CheckPacketRequest& request) {
  constexpr uint8_t kEcho = 8, kEchoV6 = 128;
  const std::string what = "nic '" + request.nic() + "': check";
  if (request.direction() < v1::DIRECTION_UNSPECIFIED ||
      request.direction() > v1::DIRECTION_EGRESS) {
    return unknown_value(what, "direction", request.direction(), "1 ingress or 2 egress");
  }
  CheckQuery query;
  query.nic = request.nic();
  query.is_from_nic = request.direction() == v1::DIRECTION_EGRESS;
  const auto peer = parse_address(what, request.peer());
  if (!peer.ok()) return peer.status();
  query.peer = *peer;
  if (!request.address().empty()) {
    const auto own = parse_address(what, request.address());
    if (!own.ok()) return own.status();
    query.address = *own;
  }
  RETURN_IF_ERROR(check_ports(what, request));
  RETURN_IF_ERROR(check_icmp(what, request, peer->is_v4()));
  const auto protocol = parse_number<uint8_t>(what, "protocol", true, request.protocol());
  const auto source =
      parse_number<uint16_t>(what, "source port", request.has_source_port(), request.source_port());
  const auto destination = parse_number<uint16_t>(
      what, "destination port", request.has_destination_port(), request.destination_port());
  const auto type =
      parse_number<uint8_t>(what, "ICMP type", request.has_icmp_type(), request.icmp_type());
  const auto code =
      parse_number<uint8_t>(what, "ICMP code", request.has_icmp_code(), request.icmp_code());
  for (const Status& status :
       {protocol.status(), source.status(), destination.status(), type.status(), code.status()}) {
    RETURN_IF_ERROR(status);
  }
  query.protocol = **protocol;
  query.destination_port = destination->value_or(0);
  query.source_port = source->value_or(*destination ? kAnyClient : uint16_t{0});
  query.icmp_type = type->value_or(peer->is_v4() ? kEcho : kEchoV6);
  query.icmp_code = code->value_or(0);
  return query;
}

v1::CheckPacketResponse to_proto(const CheckReport& report) {
  v1::CheckPacketResponse message;
  message.set_passes(report.passes);
  *message.mutable_packet() = to_proto(report.packet);
  return message;
}

}  // namespace butterfly
