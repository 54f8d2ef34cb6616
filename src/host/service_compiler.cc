// SPDX-License-Identifier: Apache-2.0
#include "host/service_compiler.h"

#include <algorithm>

#include "wire/dhcp.h"

namespace butterfly {
namespace {

using wire::DhcpOption;
using wire::DhcpOptions;

uint32_t mask_of(unsigned length) { return ~static_cast<uint32_t>(0xffffffffULL >> length); }

// As much as fits the underlay, but no more than what Ethernet has everywhere. Zero: nobody knows.
uint16_t mtu_of(const NicIntent& nic, const SubnetIntent& subnet, const Vtep& vtep) {
  if (subnet.mtu != 0) return subnet.mtu;
  if (nic.mtu != 0) return nic.mtu;
  const bool has_underlay = !vtep.address.is_zero();
  return has_underlay ? std::min<uint16_t>(vtep.inner_mtu(), 1500) : uint16_t{0};
}

// RFC 3442: who understands them ignores the router option, so the default route is among them.
std::vector<DhcpOptions::Route> routes_of(const SubnetIntent& subnet) {
  std::vector<DhcpOptions::Route> routes;
  for (const RouteIntent& route : subnet.routes) {
    routes.push_back({route.prefix.address().v4(), static_cast<uint8_t>(route.prefix.length()),
                      route.via ? route.via->v4() : Ipv4{}});
  }
  if (!routes.empty() && subnet.gateway) routes.push_back({Ipv4{}, 0, subnet.gateway->v4()});
  return routes;
}

std::vector<uint8_t> options_of(const NicIntent& nic, const SubnetIntent& subnet,
                                const Vtep& vtep) {
  DhcpOptions options;
  const std::array mask{Ipv4::from_u32(mask_of(subnet.prefix.length()))};
  options.add(DhcpOption::mask, mask);
  if (subnet.gateway) {
    const std::array gateway{subnet.gateway->v4()};
    options.add(DhcpOption::router, gateway);
  }
  if (!subnet.dns.empty()) {
    std::vector<Ipv4> servers;
    for (const IpAddress& server : subnet.dns) servers.push_back(server.v4());
    options.add(DhcpOption::dns, servers);
  }
  if (!nic.hostname.empty()) options.add(DhcpOption::hostname, nic.hostname);
  if (!subnet.domains.empty()) options.add(DhcpOption::domain, subnet.domains.front());
  if (const uint16_t mtu = mtu_of(nic, subnet, vtep); mtu != 0) options.add(DhcpOption::mtu, mtu);
  if (!subnet.domains.empty()) options.add_search(subnet.domains);
  if (const auto routes = routes_of(subnet); !routes.empty()) options.add_routes(routes);
  return options.bytes();
}

DhcpService dhcp_of(const NicIntent& nic, const SubnetIntent& subnet, const Vtep& vtep) {
  const auto own = std::ranges::find_if(
      nic.addresses, [&](const IpAddress& address) { return subnet.prefix.contains(address); });
  DhcpService service;
  service.address = own->v4();
  service.server = (subnet.server ? *subnet.server : *subnet.gateway).v4();
  service.has_gateway_server = subnet.gateway && IpAddress(service.server) == *subnet.gateway;
  service.lease_s = subnet.lease_s;
  service.options = options_of(nic, subnet, vtep);
  return service;
}

}  // namespace

std::shared_ptr<const GuestService> compile_service(const NicIntent& nic, const Intent& intent,
                                                    const Vtep& vtep) {
  if (nic.subnets.empty()) return nullptr;
  auto service = std::make_shared<GuestService>();
  for (const std::string& name : nic.subnets) {
    service->dhcp = dhcp_of(nic, intent.subnets.at(name), vtep);
  }
  return service;
}

}  // namespace butterfly
