// SPDX-License-Identifier: Apache-2.0
// butterfly nic …
#include "cli/commands.h"

namespace butterfly {
namespace {

struct NicOptions {
  std::string id, mac, type = "vhost-user", tap_name;
  uint32_t vni = 0, mtu = 0, queues = 1;
  bool vhost_server = false, vhost_client = false, packed = false, no_packed = false;
  std::vector<std::string> addresses, allowed, groups, subnets;
  std::string hostname;
  bool no_antispoof = false, antispoof = false, no_addresses = false, no_allowed = false;
  bool no_groups = false, no_subnets = false, dhcp_server = false, router = false, bypass = false,
       carry_vlans = false;
};

v1::NicType type_of(const std::string& word) {
  return word == "tap" ? v1::NIC_TYPE_TAP : v1::NIC_TYPE_VHOST_USER;
}

CLI::Option* add_type(CLI::App& verb, NicOptions& options) {
  return verb.add_option("--type", options.type, "vhost-user (default) or tap")
      ->check(CLI::IsMember({"vhost-user", "tap"}));
}

CLI::Option* add_mtu(CLI::App& verb, NicOptions& options) {
  return verb.add_option("--mtu", options.mtu,
                         "what the guest is told: 576 to 9000, 0: what fits the underlay");
}

// "ADDRESS[/LENGTH][,MAC]"; the daemon says what is wrong with either.
v1::AllowedAddress allowed_of(const std::string& text) {
  const size_t comma = text.find(',');
  v1::AllowedAddress allowed;
  allowed.set_address(text.substr(0, comma));
  if (comma != std::string::npos) allowed.set_mac(text.substr(comma + 1));
  return allowed;
}

std::string allowed_text(const v1::Nic& nic) {
  std::vector<std::string> all;
  for (const v1::AllowedAddress& one : nic.allowed()) {
    all.push_back(one.address() + (one.mac().empty() ? "" : "," + one.mac()));
  }
  return CLI::detail::join(all, " ");
}

CLI::Option* add_queues(CLI::App& verb, NicOptions& options) {
  return verb.add_option("--queues", options.queues, "queue pairs of its QEMU, 1 to 16");
}
CLI::Option* add_packed(CLI::App& verb, NicOptions& options) {
  return verb.add_flag("--packed", options.packed,
                       "offer packed rings, which do not outlive a restart of butterflyd");
}

std::string access_text(const v1::NicAccess& access) {
  if (!access.tap_name().empty()) return "interface: " + access.tap_name() + "\n";
  if (access.socket().empty()) return "";
  return "socket: " + access.socket() + "\nQEMU arguments (MEMORY: the guest's memory, as in -m; " +
         "-object and -numa once a guest):\n" + access.qemu_arguments() + "\n";
}

// Prints how to connect to the nic that the change made or changed.
int change_nic(Command& command, const v1::ApplyRequest& request) {
  v1::ApplyResponse response;
  if (const Status status = command.client().call(request, response); !status.ok()) {
    return command.fail(status);
  }
  const v1::NicAccess access = response.nics_size() > 0 ? response.nics(0) : v1::NicAccess();
  if (command.json) {
    std::cout << to_json(access);
  } else {
    std::cout << actions_text(response) << access_text(access);
  }
  std::cout << std::flush;
  return kDone;
}

int add_nic(Command& command, const NicOptions& options) {
  v1::ApplyRequest request;
  v1::Nic& nic = *request.add_changes()->mutable_nic_put();
  nic.set_id(options.id);
  nic.set_mac(options.mac);
  nic.set_vni(options.vni);
  nic.set_type(type_of(options.type));
  nic.set_tap_name(options.tap_name);
  nic.set_vhost_server(options.vhost_server);
  nic.set_mtu(options.mtu);
  nic.set_queues(options.queues);
  nic.set_packed(options.packed);
  nic.set_antispoof(!options.no_antispoof);
  for (const std::string& address : options.addresses) nic.add_addresses(address);
  for (const std::string& text : options.allowed) *nic.add_allowed() = allowed_of(text);
  for (const std::string& group : options.groups) nic.add_groups(group);
  for (const std::string& subnet : options.subnets) nic.add_subnets(subnet);
  nic.set_hostname(options.hostname);
  nic.set_dhcp_server(options.dhcp_server);
  nic.set_router(options.router);
  nic.set_bypass(options.bypass);
  nic.set_carry_vlans(options.carry_vlans);
  return change_nic(command, request);
}

void add_add(CLI::App& topic, Command& command) {
  const auto options = std::make_shared<NicOptions>();
  CLI::App& verb = add_verb(topic, command, "add", "Make a nic, or make it so",
                            [&command, options] { return add_nic(command, *options); });
  verb.add_option("--id", options->id, "name of the nic")->required();
  verb.add_option("--mac", options->mac, "the guest's MAC")->required();
  verb.add_option("--vni", options->vni, "tenant segment, 1 to 16777215")->required();
  add_repeated(verb, "--ip", options->addresses, "an address of the guest; repeatable");
  add_repeated(verb, "--allow", options->allowed,
               "ADDRESS[/LENGTH][,MAC] that the guest may use besides; repeatable");
  add_repeated(verb, "--sg", options->groups, "a security group; repeatable");
  add_type(verb, *options);
  verb.add_option("--tap-name", options->tap_name, "interface name of a tap (default: the id)");
  verb.add_flag("--vhost-server", options->vhost_server, "listen on the socket, QEMU connects");
  add_mtu(verb, *options);
  add_queues(verb, *options);
  add_packed(verb, *options);
  verb.add_flag("--no-antispoof", options->no_antispoof, "let the guest use any source address");
  add_repeated(verb, "--subnet", options->subnets, "answer its DHCP from this subnet; repeatable");
  verb.add_option("--hostname", options->hostname, "told by DHCP");
  verb.add_flag("--dhcp-server", options->dhcp_server, "its guest may be a DHCP server");
  verb.add_flag("--router", options->router, "its guest may advertise itself as a router");
  verb.add_flag("--bypass", options->bypass, "no firewall; antispoof holds all the same");
  verb.add_flag("--carry-vlans", options->carry_vlans,
                "frames with VLAN tags pass, to others that carry them");
}

int update_nic(Command& command, const NicOptions& options, const CLI::App& verb) {
  v1::ApplyRequest request;
  v1::NicUpdate& update = *request.add_changes()->mutable_nic_update();
  update.set_id(options.id);
  if (verb.count("--mac") > 0) update.set_mac(options.mac);
  if (verb.count("--vni") > 0) update.set_vni(options.vni);
  if (verb.count("--type") > 0) update.set_type(type_of(options.type));
  if (verb.count("--tap-name") > 0) update.set_tap_name(options.tap_name);
  if (options.vhost_server || options.vhost_client) update.set_vhost_server(options.vhost_server);
  if (verb.count("--queues") > 0) update.set_queues(options.queues);
  if (options.packed || options.no_packed) update.set_packed(options.packed);
  if (verb.count("--mtu") > 0) update.set_mtu(options.mtu);
  if (options.antispoof) update.set_antispoof(true);
  if (options.no_antispoof) update.set_antispoof(false);
  if (options.no_addresses || !options.addresses.empty()) update.mutable_addresses();
  for (const std::string& address : options.addresses) {
    update.mutable_addresses()->add_addresses(address);
  }
  if (options.no_allowed || !options.allowed.empty()) update.mutable_allowed();
  for (const std::string& text : options.allowed) {
    *update.mutable_allowed()->add_allowed() = allowed_of(text);
  }
  if (options.no_groups || !options.groups.empty()) update.mutable_groups();
  for (const std::string& group : options.groups) update.mutable_groups()->add_groups(group);
  if (options.no_subnets || !options.subnets.empty()) update.mutable_subnets();
  for (const std::string& subnet : options.subnets) update.mutable_subnets()->add_subnets(subnet);
  if (verb.count("--hostname") > 0) update.set_hostname(options.hostname);
  if (verb.count("--dhcp-server") > 0) update.set_dhcp_server(options.dhcp_server);
  if (verb.count("--router") > 0) update.set_router(options.router);
  if (verb.count("--bypass") > 0) update.set_bypass(options.bypass);
  if (verb.count("--carry-vlans") > 0) update.set_carry_vlans(options.carry_vlans);
  return change_nic(command, request);
}

void add_update(CLI::App& topic, Command& command) {
  const auto options = std::make_shared<NicOptions>();
  CLI::App* verb = topic.add_subcommand("update", "Change what is named, keep the rest");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] { return update_nic(command, *options, *verb); };
  });
  verb->add_option("--id", options->id, "name of the nic")->required();
  verb->add_option("--mac", options->mac, "the guest's MAC");
  verb->add_option("--vni", options->vni, "tenant segment");
  auto* ip = add_repeated(*verb, "--ip", options->addresses, "its addresses from now on");
  verb->add_flag("--no-ip", options->no_addresses, "no address")->excludes(ip);
  auto* allow = add_repeated(*verb, "--allow", options->allowed,
                             "ADDRESS[/LENGTH][,MAC] that it may use besides from now on");
  verb->add_flag("--no-allow", options->no_allowed, "nothing besides its own")->excludes(allow);
  auto* sg = add_repeated(*verb, "--sg", options->groups, "its security groups from now on");
  verb->add_flag("--no-sg", options->no_groups, "no security group")->excludes(sg);
  add_type(*verb, *options);
  verb->add_option("--tap-name", options->tap_name, "interface name of a tap");
  auto* server = verb->add_flag("--vhost-server", options->vhost_server,
                                "listen on the socket, QEMU connects");
  verb->add_flag("--vhost-client", options->vhost_client, "connect to QEMU")->excludes(server);
  add_mtu(*verb, *options);
  add_queues(*verb, *options);
  auto* packed = add_packed(*verb, *options);
  verb->add_flag("--no-packed", options->no_packed, "offer split rings only")->excludes(packed);
  auto* on = verb->add_flag("--antispoof", options->antispoof, "hold the guest to its addresses");
  verb->add_flag("--no-antispoof", options->no_antispoof, "let it use any")->excludes(on);
  auto* subnet =
      add_repeated(*verb, "--subnet", options->subnets, "subnets that its DHCP is answered from");
  verb->add_flag("--no-subnet", options->no_subnets, "its DHCP is not answered")->excludes(subnet);
  verb->add_option("--hostname", options->hostname, "told by DHCP; '' for none");
  verb->add_flag("--dhcp-server,!--no-dhcp-server", options->dhcp_server,
                 "whether its guest may be a DHCP server");
  verb->add_flag("--router,!--no-router", options->router,
                 "whether its guest may advertise itself as a router");
  verb->add_flag("--bypass,!--no-bypass", options->bypass, "whether it wants no firewall");
  verb->add_flag("--carry-vlans,!--no-carry-vlans", options->carry_vlans,
                 "whether frames with VLAN tags pass, to others that carry them");
}

std::string nic_list_text(const v1::ListNicsResponse& response) {
  Table table({"ID", "MAC", "VNI", "TYPE", "ADDRESSES", "GROUPS", "CONNECTED"});
  for (const v1::NicView& view : response.nics()) {
    const v1::Nic& nic = view.nic();
    table.add({nic.id(), nic.mac(), std::to_string(nic.vni()), type_text(nic.type()),
               joined(nic.addresses()), joined(nic.groups()),
               view.state().connected() ? "yes" : "no"});
  }
  return table.to_string();
}

std::string stats_text(const v1::NicState& state) {
  Table table({"", "PACKETS", "BYTES", "REFUSED"});
  table.add({"from guest", std::to_string(state.rx_packets()), std::to_string(state.rx_bytes()),
             std::to_string(state.rx_refused())});
  table.add({"to guest", std::to_string(state.tx_packets()), std::to_string(state.tx_bytes()),
             std::to_string(state.tx_refused())});
  return table.to_string();
}

// "1450", and what the guest has heard, if it is something else.
std::string mtu_text(const v1::NicState& state) {
  const std::string mtu = std::to_string(state.mtu());
  if (state.guest_mtu() == 0 || state.guest_mtu() == state.mtu()) return mtu;
  return mtu + ", the guest was told " + std::to_string(state.guest_mtu()) +
         " (start its QEMU with the arguments below)";
}

std::string lcores_text(const v1::NicState& state) {
  std::string text;
  for (const uint32_t lcore : state.lcores()) {
    text += (text.empty() ? "" : ",") + std::to_string(lcore);
  }
  return text;
}

std::string queues_text(const v1::Nic& nic, const v1::NicState& state) {
  return std::to_string(state.queue_pairs()) + " of " + std::to_string(nic.queues()) + " in use" +
         (nic.packed() ? ", packed rings" : "");
}

// What its guest may be besides a guest.
std::string roles_text(const v1::Nic& nic) {
  std::vector<std::string> roles;
  if (nic.dhcp_server()) roles.emplace_back("dhcp-server");
  if (nic.router()) roles.emplace_back("router");
  if (nic.carry_vlans()) roles.emplace_back("vlan-trunk");
  return joined(roles);
}

std::string show_text(const v1::GetNicResponse& response) {
  const v1::Nic& nic = response.nic().nic();
  const v1::NicState& state = response.nic().state();
  return "nic: " + nic.id() + "\nmac: " + nic.mac() + "\nvni: " + std::to_string(nic.vni()) +
         "\ntype: " + type_text(nic.type()) + "\naddresses: " + joined(nic.addresses()) +
         "\nallowed: " + allowed_text(nic) + "\ngroups: " + joined(nic.groups()) +
         "\nantispoof: " + (nic.antispoof() ? "on" : "off") + "\nmtu: " + mtu_text(state) +
         "\nsubnets: " + joined(nic.subnets()) + "\nhostname: " + nic.hostname() +
         "\nfirewall: " + (nic.bypass() ? "bypassed" : "on") + "\nmay be: " + roles_text(nic) +
         "\nconnected: " + (state.connected() ? "yes" : "no") + "\nlcore: " + lcores_text(state) +
         "\nqueue pairs: " + queues_text(nic, state) +
         "\nconnections: " + std::to_string(state.connections()) + ", " +
         std::to_string(state.half_open()) +
         " half-open\nlearnt MACs: " + std::to_string(state.macs()) + "\n" +
         access_text(response.nic().access());
}

// `nic show ID`, `nic stats ID`, `nic sg list NIC`: one nic, printed in different ways.
template <typename Text>
void add_question(CLI::App& topic, Command& command, const std::string& name,
                  const std::string& help, Text text) {
  const auto id = std::make_shared<std::string>();
  CLI::App& verb = add_verb(topic, command, name, help, [&command, id, text] {
    v1::GetNicRequest request;
    request.set_id(*id);
    return command.ask<v1::GetNicResponse>(request, text);
  });
  verb.add_option("ID", *id, "name of the nic")->required();
}

void add_delete(CLI::App& topic, Command& command) {
  const auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App& verb = add_verb(topic, command, "del", "Remove nics, all or none", [&command, ids] {
    v1::ApplyRequest request;
    for (const std::string& id : *ids) request.add_changes()->set_nic_delete(id);
    return command.change(request);
  });
  verb.add_option("ID", *ids, "names of nics")->required();
}

// `nic sg add|del|set NIC SG…`; `mutable_groups` picks the kind of change.
void add_group_verb(CLI::App& topic, Command& command, const std::string& name,
                    const std::string& help, v1::NicGroups* (v1::Change::*mutable_groups)(),
                    bool needs_group) {
  struct Options {
    std::string nic;
    std::vector<std::string> groups;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(topic, command, name, help, [&command, options, mutable_groups] {
    v1::ApplyRequest request;
    v1::NicGroups& change = *(request.add_changes()->*mutable_groups)();
    change.set_nic(options->nic);
    for (const std::string& group : options->groups) change.add_groups(group);
    return command.change(request);
  });
  verb.add_option("NIC", options->nic, "name of the nic")->required();
  verb.add_option("SG", options->groups, "security groups")->required(needs_group);
}

}  // namespace

void add_nic_commands(CLI::App& root, Command& command) {
  CLI::App& nic = add_topic(root, "nic", "Guests' virtual NICs");
  add_add(nic, command);
  add_update(nic, command);
  add_verb(nic, command, "list", "All nics", [&command] {
    return command.ask<v1::ListNicsResponse>(v1::ListNicsRequest(), nic_list_text);
  });
  add_question(nic, command, "show", "One nic, and how to connect to it", show_text);
  add_question(nic, command, "stats", "Packets and bytes of one nic",
               [](const auto& response) { return stats_text(response.nic().state()); });
  add_delete(nic, command);

  CLI::App& sg = add_topic(nic, "sg", "Security groups of a nic");
  add_question(sg, command, "list", "The nic's groups", [](const auto& response) {
    std::string text;
    for (const std::string& group : response.nic().nic().groups()) text += group + "\n";
    return text;
  });
  add_group_verb(sg, command, "add", "Put the nic into more groups",
                 &v1::Change::mutable_nic_add_groups, true);
  add_group_verb(sg, command, "del", "Take the nic out of groups",
                 &v1::Change::mutable_nic_delete_groups, true);
  add_group_verb(sg, command, "set", "Exactly these groups; none given: none",
                 &v1::Change::mutable_nic_set_groups, false);
}

}  // namespace butterfly
