// SPDX-License-Identifier: Apache-2.0
// Whether what a subnet tells can be told, and whether nics find theirs.
#include <algorithm>
#include <array>
#include <set>

#include "host/intent/limits.h"
#include "host/intent/validate_parts.h"

namespace butterfly {
namespace {

constexpr unsigned kMaxPrefixLength = 30;
constexpr unsigned kMaxPrefixLengthV6 = 127;
constexpr uint16_t kMinMtu = 576;      // RFC 791 §3.1
constexpr uint16_t kMinMtuV6 = 1'280;  // RFC 8200 §5
constexpr uint32_t kMinLeaseS = 10;
constexpr uint32_t kMaxLeaseS = 31'536'000;
// Addresses that guests make of an advertised prefix last so long, and it is advertised every ten
// minutes or so.
constexpr uint32_t kMinAutonomousS = 1'800;
constexpr size_t kMaxLabel = 63;  // RFC 1035 §2.3.4
constexpr size_t kMaxDomain = 253;
// Every client takes 308 bytes of options (RFC 2131 §2). What each answer has of its own takes 28,
// the nic's hostname up to 65.
constexpr size_t kMaxOptions = 308 - 28 - (2 + kMaxHostnameLength);

// What an advertisement and a DHCPv6 answer have room for (bricks/guest_services_v6.cc).
constexpr size_t kMaxOptionsV6 = 512;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

// One that a host of the subnet may have: neither its first nor its last (RFC 1122 §3.2.1.3).
Status validate_inside(const std::string& what, const IpAddress& address, const Cidr& prefix) {
  RETURN_IF_ERROR(validate_address(what, address));
  const std::string wanted = " (wanted a host's address in " + prefix.to_string() + ")";
  if (!prefix.contains(address)) {
    return invalid(what + ": address " + address.to_string() + " is outside" + wanted);
  }
  const uint32_t hosts = 0xffffffffU >> prefix.length();
  const uint32_t host = address.v4().to_u32() & hosts;
  if (host != 0 && host != hosts) return ok_status();
  return invalid(what + ": address " + address.to_string() +
                 " is the prefix's own or its broadcast" + wanted);
}

Status validate_dns(const std::string& what, const SubnetIntent& subnet) {
  RETURN_IF_ERROR(validate_count(what + ": DNS servers", subnet.dns.size(), kMaxSubnetServers));
  for (const IpAddress& server : subnet.dns) {
    RETURN_IF_ERROR(validate_address(what + ": DNS server", server));
    if (server.is_v4() == subnet.prefix.is_v4()) continue;
    return invalid(what + ": DNS server " + server.to_string() + " is not of the family of " +
                   subnet.prefix.to_string() + " (wanted one that is)");
  }
  return ok_status();
}

Status validate_servers(const std::string& what, const SubnetIntent& subnet) {
  if (subnet.gateway) {
    RETURN_IF_ERROR(validate_inside(what + ": gateway", *subnet.gateway, subnet.prefix));
  }
  if (subnet.server) {
    RETURN_IF_ERROR(validate_inside(what + ": server", *subnet.server, subnet.prefix));
  }
  if (!subnet.gateway && !subnet.server) {
    return invalid(what + ": neither gateway nor server (wanted an address by which guests know " +
                   "the DHCP server)");
  }
  return validate_dns(what, subnet);
}

Status validate_routes(const std::string& what, const SubnetIntent& subnet) {
  RETURN_IF_ERROR(validate_count(what + ": routes", subnet.routes.size(), kMaxSubnetRoutes));
  std::set<Cidr> seen;
  for (const RouteIntent& route : subnet.routes) {
    const std::string subject = what + ": route " + route.prefix.to_string();
    if (route.prefix.is_v4() != subnet.prefix.is_v4()) {
      return invalid(subject + " is not of the family of " + subnet.prefix.to_string() +
                     " (wanted one that is)");
    }
    if (route.prefix.length() == 0) {
      return invalid(subject + " is the default route (wanted a gateway instead)");
    }
    if (!seen.insert(route.prefix).second) return invalid(subject + " listed twice (wanted once)");
    if (!route.via) continue;
    RETURN_IF_ERROR(validate_inside(subject + ": via", *route.via, subnet.prefix));
  }
  return ok_status();
}

size_t option_bytes(const SubnetIntent& subnet) {
  constexpr size_t kHeader = 2;
  constexpr size_t kAddress = 4;
  size_t bytes = 3 * kHeader + kAddress + kAddress + 2;  // mask, gateway, MTU
  if (!subnet.dns.empty()) bytes += kHeader + kAddress * subnet.dns.size();
  if (!subnet.domains.empty()) bytes += 2 * kHeader + subnet.domains.front().size();
  for (const std::string& domain : subnet.domains) bytes += domain.size() + 2;
  if (!subnet.routes.empty()) bytes += kHeader + 1 + kAddress;  // and the default one
  for (const RouteIntent& route : subnet.routes) {
    bytes += 1 + (route.prefix.length() + 7) / 8 + kAddress;
  }
  return bytes;
}

// Of the longer one: DHCPv6 and advertisements tell the same.
size_t option_bytes_v6(const SubnetIntent& subnet) {
  constexpr size_t kHeader = 8;
  size_t bytes = 2 * kHeader + subnet.dns.size() * sizeof(Ipv6);
  for (const std::string& domain : subnet.domains) bytes += domain.size() + 2;
  return bytes;
}

Status validate_told(const std::string& what, const char* by, size_t bytes, size_t most) {
  if (bytes <= most) return ok_status();
  return invalid(what + ": what guests are told takes " + std::to_string(bytes) + " bytes of " +
                 by + " (wanted at most " + std::to_string(most) +
                 ": fewer routes, DNS servers or domains)");
}

Status validate_v4(const std::string& what, const SubnetIntent& subnet) {
  RETURN_IF_ERROR(validate_servers(what, subnet));
  RETURN_IF_ERROR(validate_routes(what, subnet));
  if (!subnet.on_link || subnet.autonomous || !subnet.managed) {
    return invalid(what + ": autonomous, not on link or not managed with an IPv4 prefix (wanted " +
                   "these of IPv6 only)");
  }
  return validate_told(what, "DHCP", option_bytes(subnet), kMaxOptions);
}

Status validate_v6(const std::string& what, const SubnetIntent& subnet) {
  if (subnet.gateway && !(subnet.gateway->is_v6() && subnet.gateway->v6().is_link_local())) {
    return invalid(what + ": gateway " + subnet.gateway->to_string() +
                   " (wanted a link-local address, by which IPv6 knows routers)");
  }
  if (subnet.server) {
    return invalid(what + ": server " + subnet.server->to_string() +
                   " (wanted none: DHCPv6 servers are known by an identifier)");
  }
  if (!subnet.routes.empty()) {
    return invalid(what + ": route " + subnet.routes.front().prefix.to_string() +
                   " (wanted none: IPv6 guests learn routes from their gateway)");
  }
  if (subnet.autonomous && subnet.prefix.length() != 64) {
    return invalid(what + ": autonomous with prefix " + subnet.prefix.to_string() +
                   " (wanted 64 bits: guests make the other 64)");
  }
  if (subnet.autonomous && subnet.lease_s < kMinAutonomousS) {
    return invalid(what + ": autonomous with a lease of " + std::to_string(subnet.lease_s) +
                   " s (wanted at least " + std::to_string(kMinAutonomousS) + ")");
  }
  if (subnet.mtu != 0 && subnet.mtu < kMinMtuV6) {
    return invalid(what + ": MTU " + std::to_string(subnet.mtu) + " (wanted " +
                   std::to_string(kMinMtuV6) + "..65535 for IPv6, or 0 for what fits)");
  }
  RETURN_IF_ERROR(validate_dns(what, subnet));
  return validate_told(what, "DHCPv6", option_bytes_v6(subnet), kMaxOptionsV6);
}

}  // namespace

Status validate_hostname(const std::string& what, std::string_view name, size_t longest) {
  const std::string subject = what + " '" + std::string(name) + "'";
  if (name.size() > longest) {
    return invalid(subject + " has " + std::to_string(name.size()) + " characters (wanted 1.." +
                   std::to_string(longest) + ")");
  }
  size_t at = 0;
  bool is_good = !name.empty();
  while (is_good && at <= name.size()) {
    const size_t dot = std::min(name.find('.', at), name.size());
    is_good = is_label(name.substr(at, dot - at));
    at = dot + 1;
  }
  if (is_good) return ok_status();
  return invalid(subject + " is malformed (wanted labels of 1.." + std::to_string(kMaxLabel) +
                 " letters, digits and inner dashes, with dots between)");
}

Status validate_subnet(const std::string& name, const SubnetIntent& subnet) {
  const std::string what = "subnet '" + subnet.name + "'";
  if (name != subnet.name) return invalid(what + ": kept under '" + name + "'");
  RETURN_IF_ERROR(validate_name(what, subnet.name));
  RETURN_IF_ERROR(validate_member(what, subnet.prefix));
  const bool is_v4 = subnet.prefix.is_v4();
  if (subnet.prefix.length() == 0 ||
      subnet.prefix.length() > (is_v4 ? kMaxPrefixLength : kMaxPrefixLengthV6)) {
    return invalid(what + ": prefix " + subnet.prefix.to_string() +
                   " (wanted an IPv4 prefix of 1.." + std::to_string(kMaxPrefixLength) +
                   " bits, or an IPv6 prefix of 1.." + std::to_string(kMaxPrefixLengthV6) + ")");
  }
  RETURN_IF_ERROR(validate_count(what + ": domains", subnet.domains.size(), kMaxSubnetDomains));
  for (const std::string& domain : subnet.domains) {
    RETURN_IF_ERROR(validate_hostname(what + ": domain", domain, kMaxDomain));
  }
  if (subnet.mtu != 0 && subnet.mtu < kMinMtu) {
    return invalid(what + ": MTU " + std::to_string(subnet.mtu) + " (wanted " +
                   std::to_string(kMinMtu) + "..65535, or 0 for what fits)");
  }
  if (subnet.lease_s < kMinLeaseS || subnet.lease_s > kMaxLeaseS) {
    return invalid(what + ": lease of " + std::to_string(subnet.lease_s) + " s (wanted " +
                   std::to_string(kMinLeaseS) + ".." + std::to_string(kMaxLeaseS) + ")");
  }
  return is_v4 ? validate_v4(what, subnet) : validate_v6(what, subnet);
}

Status validate_subnets_of(const NicIntent& nic, const Intent& intent) {
  const std::string what = "nic '" + nic.id + "'";
  std::array<const SubnetIntent*, 2> seen{};  // by family
  for (const std::string& name : nic.subnets) {
    const auto found = intent.subnets.find(name);
    if (found == intent.subnets.end()) {
      return invalid(what + ": subnet '" + name + "' is not there (wanted one of the subnets)");
    }
    const SubnetIntent& subnet = found->second;
    const SubnetIntent*& first = seen[subnet.prefix.is_v4() ? 0 : 1];
    if (first) {
      return invalid(what + ": subnets '" + first->name + "' and '" + name +
                     "' are of one family (wanted at most one of each)");
    }
    first = &subnet;
    // Guests that make their own are held to what antispoof lets them use, not to this.
    const bool needs_address = subnet.managed;
    if (!needs_address || std::ranges::any_of(nic.addresses, [&](const IpAddress& address) {
          return subnet.prefix.contains(address);
        })) {
      continue;
    }
    return invalid(what + ": no address in subnet '" + name + "', " + subnet.prefix.to_string() +
                   " (wanted one)");
  }
  return ok_status();
}

}  // namespace butterfly
