// SPDX-License-Identifier: Apache-2.0
// Subnets to and from API messages.
#include "control/from_proto.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

StatusOr<Cidr> parse_prefix(const std::string& what, const std::string& text) {
  const auto prefix = Cidr::parse(text);
  if (prefix && text.find('/') != std::string::npos) return *prefix;
  return invalid(what + ": prefix '" + text +
                 "' is malformed (wanted ADDRESS/LENGTH with clear host bits)");
}

// Nothing for an empty text.
StatusOr<std::optional<IpAddress>> parse_optional(const std::string& what,
                                                  const std::string& text) {
  if (text.empty()) return std::optional<IpAddress>();
  const auto address = parse_address(what, text);
  if (!address.ok()) return address.status();
  return std::optional<IpAddress>(*address);
}

StatusOr<RouteIntent> parse_route(const std::string& what, const v1::SubnetRoute& route) {
  const auto prefix = parse_prefix(what + ": route", route.prefix());
  if (!prefix.ok()) return prefix.status();
  const auto via = parse_optional(what + ": route " + route.prefix() + ": via", route.via());
  if (!via.ok()) return via.status();
  return RouteIntent{*prefix, *via};
}

}  // namespace

StatusOr<SubnetIntent> from_proto(const v1::Subnet& subnet) {
  const std::string what = "subnet '" + subnet.name() + "'";
  const auto prefix = parse_prefix(what, subnet.prefix());
  if (!prefix.ok()) return prefix.status();
  const auto gateway = parse_optional(what + ": gateway", subnet.gateway());
  if (!gateway.ok()) return gateway.status();
  const auto server = parse_optional(what + ": server", subnet.server());
  if (!server.ok()) return server.status();
  const auto mtu = parse_number<uint16_t>(what, "MTU", true, subnet.mtu());
  if (!mtu.ok()) return mtu.status();
  SubnetIntent intent;
  intent.name = subnet.name();
  intent.prefix = *prefix;
  intent.gateway = *gateway;
  intent.server = *server;
  for (const v1::SubnetRoute& message : subnet.routes()) {
    const auto route = parse_route(what, message);
    if (!route.ok()) return route.status();
    intent.routes.push_back(*route);
  }
  for (const std::string& text : subnet.dns()) {
    const auto address = parse_address(what + ": DNS server", text);
    if (!address.ok()) return address.status();
    intent.dns.push_back(*address);
  }
  intent.domains.assign(subnet.domains().begin(), subnet.domains().end());
  intent.mtu = **mtu;
  if (subnet.has_lease_s()) intent.lease_s = subnet.lease_s();
  if (subnet.has_on_link()) intent.on_link = subnet.on_link();
  if (subnet.has_managed()) intent.managed = subnet.managed();
  intent.autonomous = subnet.autonomous();
  return intent;
}

v1::Subnet to_proto(const SubnetIntent& subnet) {
  v1::Subnet message;
  message.set_name(subnet.name);
  message.set_prefix(subnet.prefix.to_string());
  if (subnet.gateway) message.set_gateway(subnet.gateway->to_string());
  if (subnet.server) message.set_server(subnet.server->to_string());
  for (const RouteIntent& route : subnet.routes) {
    v1::SubnetRoute& told = *message.add_routes();
    told.set_prefix(route.prefix.to_string());
    if (route.via) told.set_via(route.via->to_string());
  }
  for (const IpAddress& server : subnet.dns) message.add_dns(server.to_string());
  for (const std::string& domain : subnet.domains) message.add_domains(domain);
  message.set_mtu(subnet.mtu);
  message.set_lease_s(subnet.lease_s);
  if (subnet.prefix.is_v4()) return message;
  message.set_on_link(subnet.on_link);
  message.set_managed(subnet.managed);
  message.set_autonomous(subnet.autonomous);
  return message;
}

}  // namespace butterfly
