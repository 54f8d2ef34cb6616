// SPDX-License-Identifier: Apache-2.0
// butterfly subnet …
#include "cli/commands.h"

namespace butterfly {
namespace {

// "10.9.0.0/16,10.0.0.9": behind 10.0.0.9; without the second part on link.
std::string route_text(const v1::SubnetRoute& route) {
  return route.prefix() + (route.via().empty() ? "" : "," + route.via());
}
v1::SubnetRoute route_of(const std::string& text) {
  v1::SubnetRoute route;
  const size_t comma = text.find(',');
  route.set_prefix(text.substr(0, comma));
  if (comma != std::string::npos) route.set_via(text.substr(comma + 1));
  return route;
}

// Of IPv6: "on-link,managed".
std::string flags_text(const v1::Subnet& subnet) {
  std::vector<std::string> flags;
  if (subnet.on_link()) flags.emplace_back("on-link");
  if (subnet.managed()) flags.emplace_back("managed");
  if (subnet.autonomous()) flags.emplace_back("autonomous");
  return joined(flags);
}

std::string subnets_text(const v1::ListSubnetsResponse& response) {
  Table table({"NAME", "PREFIX", "GATEWAY", "SERVER", "DNS", "DOMAINS", "ROUTES", "MTU", "LEASE-S",
               "FLAGS"});
  for (const v1::Subnet& subnet : response.subnets()) {
    std::string routes;
    for (const v1::SubnetRoute& route : subnet.routes()) {
      routes += (routes.empty() ? "" : ";") + route_text(route);
    }
    table.add({subnet.name(), subnet.prefix(), subnet.gateway(), subnet.server(),
               joined(subnet.dns()), joined(subnet.domains()), routes,
               subnet.mtu() == 0 ? "" : std::to_string(subnet.mtu()),
               std::to_string(subnet.lease_s()), flags_text(subnet)});
  }
  return table.to_string();
}

struct SubnetOptions {
  std::string name, prefix, gateway, server;
  std::vector<std::string> routes, dns, domains;
  uint32_t mtu = 0, lease_s = 0;
  bool autonomous = false, off_link = false, unmanaged = false;
};

int set_subnet(Command& command, const SubnetOptions& options, const CLI::App& verb) {
  v1::ApplyRequest request;
  v1::Subnet& subnet = *request.add_changes()->mutable_subnet_put();
  subnet.set_name(options.name);
  subnet.set_prefix(options.prefix);
  subnet.set_gateway(options.gateway);
  subnet.set_server(options.server);
  for (const std::string& route : options.routes) *subnet.add_routes() = route_of(route);
  for (const std::string& server : options.dns) subnet.add_dns(server);
  for (const std::string& domain : options.domains) subnet.add_domains(domain);
  subnet.set_mtu(options.mtu);
  if (verb.count("--lease-s") > 0) subnet.set_lease_s(options.lease_s);
  if (options.off_link) subnet.set_on_link(false);
  if (options.unmanaged) subnet.set_managed(false);
  subnet.set_autonomous(options.autonomous);
  return command.change(request);
}

void add_set(CLI::App& topic, Command& command) {
  const auto options = std::make_shared<SubnetOptions>();
  CLI::App* verb = topic.add_subcommand("set", "Make a subnet, or make it exactly so");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] { return set_subnet(command, *options, *verb); };
  });
  verb->add_option("NAME", options->name, "subnet")->required();
  verb->add_option("--prefix", options->prefix, "ADDRESS/LENGTH")->required();
  verb->add_option("--gateway", options->gateway,
                   "of the default route; IPv6: its link-local address");
  verb->add_option("--server", options->server,
                   "address by which guests know the DHCP server (default: the gateway); IPv4");
  add_repeated(*verb, "--route", options->routes, "PREFIX[,VIA]; repeatable");
  add_repeated(*verb, "--dns", options->dns, "address of a DNS server; repeatable");
  add_repeated(*verb, "--domain", options->domains,
               "search domain, the first is the guest's own; repeatable");
  verb->add_option("--mtu", options->mtu,
                   "of the guest: 576, for IPv6 1280, to 65535 (default: what fits)");
  verb->add_option("--lease-s", options->lease_s, "10..31536000 seconds (default: 86400)");
  verb->add_flag("--autonomous", options->autonomous,
                 "IPv6: guests may make addresses of the prefix themselves");
  verb->add_flag("--no-on-link", options->off_link, "IPv6: all is reached through the gateway");
  verb->add_flag("--no-managed", options->unmanaged, "IPv6: no addresses by DHCPv6");
}

}  // namespace

void add_subnet_commands(CLI::App& root, Command& command) {
  CLI::App& topic =
      add_topic(root, "subnet", "What guests are told by DHCP and router advertisements");
  add_verb(topic, command, "list", "All subnets", [&command] {
    return command.ask<v1::ListSubnetsResponse>(v1::ListSubnetsRequest(), subnets_text);
  });
  add_set(topic, command);
  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& del = add_verb(topic, command, "del", "Remove subnets, all or none", [&command, names] {
    v1::ApplyRequest request;
    for (const std::string& name : *names) request.add_changes()->set_subnet_delete(name);
    return command.change(request);
  });
  del.add_option("NAME", *names, "subnets that no nic names")->required();
}

}  // namespace butterfly
