// SPDX-License-Identifier: Apache-2.0
#include "host/service_compiler.h"

#include <algorithm>

#include "tables/nic_table.h"
#include "wire/dhcp.h"
#include "wire/dhcp6.h"
#include "wire/router_advertisement.h"

namespace butterfly {
namespace {

using wire::DhcpOption;
using wire::DhcpOptions;

// For how long advertisements hold: they come at least twice in that time (GuestServices::advertise
// goes round the ports in some ten minutes).
constexpr uint16_t kAdvertisedS = 1'800;
constexpr uint16_t kMinIpv6Mtu = 1'280;

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

// The nic's first address in the subnet, if it has one.
std::optional<IpAddress> own_address(const NicIntent& nic, const SubnetIntent& subnet) {
  const auto own = std::ranges::find_if(
      nic.addresses, [&](const IpAddress& address) { return subnet.prefix.contains(address); });
  return own == nic.addresses.end() ? std::nullopt : std::optional(*own);
}

DhcpService dhcp_of(const NicIntent& nic, const SubnetIntent& subnet, const Vtep& vtep) {
  DhcpService service;
  service.address = own_address(nic, subnet)->v4();
  service.server = (subnet.server ? *subnet.server : *subnet.gateway).v4();
  service.has_gateway_server = subnet.gateway && IpAddress(service.server) == *subnet.gateway;
  service.lease_s = subnet.lease_s;
  service.options = options_of(nic, subnet, vtep);
  return service;
}

std::vector<Ipv6> dns_of(const SubnetIntent& subnet) {
  std::vector<Ipv6> servers;
  for (const IpAddress& server : subnet.dns) servers.push_back(server.v6());
  return servers;
}

RouterService router_of(const NicIntent& nic, const SubnetIntent& subnet, const Vtep& vtep) {
  wire::RouterAdvertisement told;
  told.is_managed = subnet.managed;
  told.has_other = !subnet.dns.empty() || !subnet.domains.empty();
  told.router_lifetime_s = subnet.gateway ? kAdvertisedS : uint16_t{0};
  told.prefix = subnet.prefix.address().v6();
  told.prefix_length = static_cast<uint8_t>(subnet.prefix.length());
  told.is_on_link = subnet.on_link;
  told.is_autonomous = subnet.autonomous;
  told.prefix_lifetime_s = subnet.lease_s;
  // RFC 4861 §6.2.1: never below what IPv6 needs.
  if (const uint16_t mtu = mtu_of(nic, subnet, vtep); mtu >= kMinIpv6Mtu) told.mtu = mtu;
  told.dns = dns_of(subnet);
  told.domains = subnet.domains;
  told.dns_lifetime_s = kAdvertisedS;
  const Ipv6 source = subnet.gateway ? subnet.gateway->v6() : link_local_of(kServiceMac);
  return {source, wire::make_router_advertisement(told)};
}

Dhcp6Service dhcp6_of(const NicIntent& nic, const SubnetIntent& subnet) {
  Dhcp6Service service;
  const auto own = own_address(nic, subnet);
  if (subnet.managed && own) service.address = own->v6();
  service.lease_s = subnet.lease_s;
  service.options = wire::dhcp6_dns_options(dns_of(subnet), subnet.domains);
  return service;
}

}  // namespace

std::shared_ptr<const GuestService> compile_service(const NicIntent& nic, const Intent& intent,
                                                    const Vtep& vtep) {
  if (nic.subnets.empty()) return nullptr;
  auto service = std::make_shared<GuestService>();
  for (const std::string& name : nic.subnets) {
    const SubnetIntent& subnet = intent.subnets.at(name);
    if (subnet.prefix.is_v4()) {
      service->dhcp = dhcp_of(nic, subnet, vtep);
    } else {
      service->router = router_of(nic, subnet, vtep);
      service->dhcp6 = dhcp6_of(nic, subnet);
    }
  }
  return service;
}

}  // namespace butterfly
