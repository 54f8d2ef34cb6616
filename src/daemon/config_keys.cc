// SPDX-License-Identifier: Apache-2.0
// A new key: a field in config.h, a row here, then tools/config for the sample and the manual.
#include "daemon/config_keys.h"

#include <algorithm>

#include "host/reports.h"

namespace butterfly {
namespace {

// Leaves room for short names at least; a nic whose name does not fit is refused when it comes.
constexpr size_t kMaxSocketDirectory = 90;
constexpr size_t kMaxPath = 4095;
const char* const kGroupWanted = "a group of this system; \"\": the daemon's own";

std::vector<ConfigKey> daemon_keys() {
  const auto api = [](auto& c) -> auto& { return c.daemon.api; };
  return {
      {"daemon",
       "api",
       Change::at_start,
       "Where the API listens.",
       {"string", api_wanted(),
        [api](ConfigReader& reader, const std::string& key, Config& config) {
          read_api(reader, key, api(config));
        },
        [api](const Config& config) { return quoted(api(config)); }, copier(api)}},
      {"daemon", "api_mode", Change::any_time,
       "Mode of the API's socket. Whoever may write to it may configure the switch.",
       mode_key([](auto& c) -> auto& { return c.daemon.api_mode; })},
      {"daemon", "api_group", Change::any_time, "Group of the API's socket.",
       text_key(
           [](auto& c) -> auto& { return c.daemon.api_group; }, kGroupWanted)},
      {"daemon", "state", Change::at_start,
       "The durable intent: nics, security groups, peers. One file for every daemon.",
       path_key(
           [](auto& c) -> auto& { return c.daemon.state; }, kMaxPath)},
      {"daemon", "socket_directory", Change::at_start,
       "Where the sockets of vhost-user nics are, one for each.",
       path_key(
           [](auto& c) -> auto& { return c.daemon.socket_directory; }, kMaxSocketDirectory)},
      {"daemon", "socket_mode", Change::any_time,
       "Rights in that directory, in which QEMU makes its sockets, and of the sockets that the "
       "switch makes (nics with vhost_server; those that are there keep theirs): \"0660\" and a "
       "group let the group's QEMU processes "
       "in (a directory's x bits are added by themselves).",
       mode_key([](auto& c) -> auto& { return c.daemon.socket_mode; })},
      {"daemon", "socket_group", Change::any_time,
       "Group of that directory and of the sockets that the switch makes in it.",
       text_key(
           [](auto& c) -> auto& { return c.daemon.socket_group; }, kGroupWanted)},
      {"daemon", "log_level", Change::any_time, "The least important that is written to the log.",
       word_key<std::string>([](auto& c) -> auto& { return c.daemon.log_level; },
                             {{"trace", "trace"},
                              {"debug", "debug"},
                              {"info", "info"},
                              {"warning", "warning"},
                              {"error", "error"}})},
  };
}

enum class Pem : uint8_t { optional, wanted_with_listen };

template <typename Get>
ConfigAccess pem_key(Get get, Pem pem = Pem::wanted_with_listen) {
  return {"string", "the absolute path of a PEM file",
          [get, pem](ConfigReader& reader, const std::string& key, Config& config) {
            read_path(reader, key, kMaxPath, get(config));
            if (pem == Pem::optional || !config.api.listen || reader.find(key) != nullptr) return;
            reader.fault(key, "missing", "the path of a PEM file, since api.listen is given");
          },
          [get](const Config& config) {
            return get(config).empty() ? std::string() : quoted(get(config));
          },
          copier(get)};
}

std::vector<ConfigKey> api_keys() {
  const auto listen = [](auto& c) -> auto& { return c.api.listen; };
  const auto writers = [](auto& c) -> auto& { return c.api.writers; };
  const auto read_socket = [](auto& c) -> auto& { return c.api.read_socket; };
  const char* const kWithListen = "none: wanted when api.listen is given";
  return {
      {"api",
       "listen",
       Change::at_start,
       "Where the API listens over TCP. Clients must show a certificate: all may read, those of "
       "`writers` may write. docs/api.md.",
       {"string", "tcp:ADDRESS:PORT, an IPv6 address in brackets",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_listen(reader, key, config.api);
        },
        [listen](const Config& config) {
          const auto& address = listen(config);
          return address ? quoted(std::string(kTcpScheme) + address->to_string()) : std::string();
        },
        copier(listen)},
       "none: unix sockets only",
       "\"tcp:192.0.2.1:7447\""},
      {"api", "certificate", Change::at_start,
       "The daemon's certificate, then those between it and its CA. It names what clients connect "
       "to. It is read again when it changes, as `key` and `client_ca`.",
       pem_key([](auto& c) -> auto& { return c.api.certificate; }), kWithListen,
       "\"/etc/butterfly/api.pem\""},
      {"api", "key", Change::at_start, "The certificate's private key, without a passphrase.",
       pem_key([](auto& c) -> auto& { return c.api.key; }), kWithListen,
       "\"/etc/butterfly/api.key\""},
      {"api", "client_ca", Change::at_start,
       "Certificates of those who sign for clients. Whoever they sign for may read.",
       pem_key([](auto& c) -> auto& { return c.api.client_ca; }), kWithListen,
       "\"/etc/butterfly/clients.pem\""},
      {"api", "crl", Change::at_start,
       "Revocation lists of CAs of `client_ca`: whom they name is refused, also over a connection "
       "that is open. Read again when it changes. docs/api.md.",
       pem_key(
           [](auto& c) -> auto& { return c.api.crl; }, Pem::optional),
       "none", "\"/etc/butterfly/clients.crl\""},
      {"api",
       "writers",
       Change::any_time,
       "Clients that may write: a subject alternative name or the common name of their "
       "certificate.",
       {"list of strings", "names in quotes",
        [writers](ConfigReader& reader, const std::string& key, Config& config) {
          read_names(reader, key, writers(config));
        },
        [writers](const Config& config) { return "[" + list_text(writers(config)) + "]"; },
        copier(writers)}},
      {"api",
       "read_socket",
       Change::at_start,
       "A second unix socket, whose users may only read.",
       {"string", api_wanted(),
        [read_socket](ConfigReader& reader, const std::string& key, Config& config) {
          read_api(reader, key, read_socket(config));
          if (read_socket(config) != config.daemon.api) return;
          reader.fault(key, "is daemon.api as well", "another path");
        },
        [read_socket](const Config& config) {
          return read_socket(config).empty() ? "" : quoted(read_socket(config));
        },
        copier(read_socket)},
       "none",
       "\"unix:/run/butterfly/read.sock\""},
      {"api", "read_socket_mode", Change::any_time, "Mode of that socket.",
       mode_key([](auto& c) -> auto& { return c.api.read_socket_mode; })},
      {"api", "read_socket_group", Change::any_time, "Group of that socket.",
       text_key(
           [](auto& c) -> auto& { return c.api.read_socket_group; }, kGroupWanted)},
  };
}

std::vector<ConfigKey> log_keys() {
  return {
      {"log", "drops_per_second", Change::any_time,
       "Packets that are dropped, written to the log a second; 0: none.",
       number_key(
           [](auto& c) -> auto& { return c.log.drops_per_second; }, 0, LogQuery::kMaxPerSecond)},
      {"log", "starts_per_second", Change::any_time,
       "Connections that rules with a log procedure let start, written to the log a second; 0: "
       "none.",
       number_key(
           [](auto& c) -> auto& { return c.log.starts_per_second; }, 0, LogQuery::kMaxPerSecond)},
      {"log", "events", Change::any_time,
       "Whether nics, guests, peers and the uplink that come and go, and changes of the intent, "
       "are "
       "written to the log, as `butterfly events` names them.",
       flag_key([](auto& c) -> auto& { return c.log.events; })},
  };
}

std::vector<ConfigKey> dataplane_keys() {
  const auto lcores = [](auto& c) -> auto& { return c.dataplane.lcores; };
  return {
      {"dataplane",
       "lcores",
       Change::at_start,
       "CPUs that move packets, one thread each.",
       {"list of integers", "different CPUs that the daemon may use",
        [lcores](ConfigReader& reader, const std::string& key, Config& config) {
          read_lcores(reader, key, lcores(config));
        },
        [lcores](const Config& config) { return "[" + list_text(lcores(config)) + "]"; },
        copier(lcores)},
       "the last CPU that the daemon may use",
       "[1]"},
      {"dataplane", "mode", Change::at_start,
       "\"adaptive\" sleeps when nothing comes; \"poll\" never sleeps: lowest latency, whole CPUs.",
       word_key<PollMode>([](auto& c) -> auto& { return c.dataplane.mode; },
                          {{"adaptive", PollMode::adaptive}, {"poll", PollMode::poll}})},
      {"dataplane",
       "memory_mb",
       Change::at_start,
       "Memory for packets and tables, MiB. `butterfly status` says what it is used for.",
       {"integer", "64 to 1048576",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_memory(reader, key, config.dataplane);
        },
        [](const Config& config) {
          const auto& mb = config.dataplane.memory_mb;
          return mb ? std::to_string(*mb) : "";
        },
        copier([](auto& c) -> auto& { return c.dataplane.memory_mb; })},
       "256, or as much as the rings of more than two lcores can hold, while there are hugepages "
       "for it",
       "256"},
      {"dataplane", "hugepages", Change::at_start,
       "\"auto\" uses hugepages when there are enough, \"on\" insists, \"off\" does without "
       "(slower).",
       word_key<HugepageUse>(
           [](auto& c) -> auto& { return c.dataplane.hugepages; },
           {{"auto", HugepageUse::automatic}, {"on", HugepageUse::on}, {"off", HugepageUse::off}})},
      {"dataplane", "flows_per_lcore", Change::at_start, "Tracked flows of one lcore.",
       number_key(
           [](auto& c) -> auto& { return c.dataplane.flows_per_lcore; }, 1024, 16777216)},
      {"dataplane", "shortcut", Change::at_start,
       "Packets of known flows go where the one before them went. false: each walks every brick, "
       "with the same result, for when that is in doubt.",
       flag_key([](auto& c) -> auto& { return c.dataplane.shortcut; })},
      {"dataplane", "balance", Change::any_time,
       "Nics move from an lcore that has too much to do to one that has time; no packet is lost or "
       "overtaken by it.",
       flag_key([](auto& c) -> auto& { return c.dataplane.balance; })},
      {"dataplane", "fdb_capacity", Change::at_start, "Learnt MACs of the host.",
       number_key(
           [](auto& c) -> auto& { return c.dataplane.fdb_capacity; }, 1024, 16777216)},
  };
}

std::string on_link_text(const UplinkConfig& uplink) {
  return uplink.address.is_zero()
             ? ""
             : quoted(uplink.address.to_string() + "/" + std::to_string(uplink.on_link.length()));
}

std::string prefixes_text(const std::vector<Cidr>& prefixes) {
  std::vector<std::string> texts;
  for (const Cidr& prefix : prefixes) texts.push_back(prefix.to_string());
  return texts.empty() ? "" : "[" + list_text(texts) + "]";
}

// How several devices are one; none where there is one, or a `backup`.
ConfigAccess bond_key() {
  struct Word {
    const char* word;
    BondMode mode;
  };
  static constexpr Word kWords[] = {{"lacp", BondMode::lacp},
                                    {"balance", BondMode::balance},
                                    {"active-backup", BondMode::active_backup}};
  const std::string wanted = "one of lacp, balance, active-backup";
  return {"string", wanted,
          [wanted](ConfigReader& reader, const std::string& key, Config& config) {
            reader.read_as<std::string>(key, wanted, [&](const std::string& text) {
              const auto* found = std::ranges::find(kWords, text, &Word::word);
              if (found == std::end(kWords)) return reader.fault(key, "unknown word", wanted);
              config.uplink->bond = found->mode;
            });
          },
          [](const Config& config) -> std::string {
            const auto& mode = config.uplink->bond;
            return mode ? quoted(std::ranges::find(kWords, *mode, &Word::mode)->word) : "";
          },
          copier([](auto& c) -> auto& { return c.uplink->bond; })};
}

std::vector<ConfigKey> uplink_keys() {
  const auto device = [](auto& c) -> auto& { return c.uplink->device; };
  return {
      {"uplink",
       "device",
       Change::at_start,
       "A kernel interface (\"eth1\"), a PCI address (\"0000:01:00.0\") or a DPDK device "
       "(\"net_pcap0,…\").",
       {"string", "a device of this machine",
        [device](ConfigReader& reader, const std::string& key, Config& config) {
          reader.read(key, device(config));
          if (!device(config).empty()) return;
          reader.fault(key, "missing", "a kernel interface, a PCI address or a DPDK device");
        },
        [device](const Config& config) {
          return device(config).empty() ? "" : quoted(device(config));
        },
        copier(device)},
       "none: it must be given",
       "\"eth1\""},
      {"uplink",
       "address",
       Change::at_start,
       "Our tunnel endpoint with its prefix length, IPv4 or IPv6. It is the switch's, not the "
       "kernel's.",
       {"string", "a unicast address with its prefix length",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_uplink_address(reader, key, *config.uplink);
        },
        [](const Config& config) { return on_link_text(*config.uplink); },
        [](const Config& from, Config& to) {
          to.uplink->address = from.uplink->address;
          to.uplink->on_link = from.uplink->on_link;
        }},
       "none: it must be given",
       "\"192.0.2.1/24\""},
      {"uplink",
       "on_link",
       Change::at_start,
       "Further prefixes whose addresses are neighbours on the underlay, reached without the "
       "gateway.",
       {"list of strings", "up to 64 prefixes of the family of `address`",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_on_link(reader, key, *config.uplink);
        },
        [](const Config& config) { return prefixes_text(config.uplink->also_on_link); },
        copier([](auto& c) -> auto& { return c.uplink->also_on_link; })},
       "none: the prefix of `address` only",
       "[\"198.51.100.0/24\"]"},
      {"uplink",
       "gateway",
       Change::at_start,
       "Where peers outside these prefixes are reached.",
       {"string", "another address of one of the prefixes",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_gateway(reader, key, *config.uplink);
        },
        [](const Config& config) {
          return config.uplink->gateway ? quoted(config.uplink->gateway->to_string()) : "";
        },
        copier([](auto& c) -> auto& { return c.uplink->gateway; })},
       "none: every peer is on link",
       "\"192.0.2.254\""},
      {"uplink", "vxlan_port", Change::at_start, "UDP port of VXLAN.",
       number_key(
           [](auto& c) -> auto& { return c.uplink->vxlan_port; }, 1, 65535)},
      {"uplink",
       "mtu",
       Change::at_start,
       "Largest IP packet of the underlay, bytes. Guests' packets must be 50 bytes smaller (IPv6: "
       "70), so 1550 (1570) or more lets them keep their 1500.",
       {"integer", "576 to 16000, over IPv6 1280 to 16000",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_uplink_mtu(reader, key, *config.uplink);
        },
        [](const Config& config) {
          return config.uplink->mtu ? std::to_string(*config.uplink->mtu) : "";
        },
        copier([](auto& c) -> auto& { return c.uplink->mtu; })},
       "what the device says",
       "1600"},
      {"uplink",
       "host_port",
       Change::at_start,
       "A kernel interface of this name, made at start, carries everything on the uplink that is "
       "not "
       "VXLAN for us: a server with one network card has its own address there. "
       "docs/operate/uplink.md.",
       {"string", "a free interface name of at most 15 characters",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_host_port(reader, key, *config.uplink);
        },
        [](const Config& config) {
          return config.uplink->host_port.empty() ? "" : quoted(config.uplink->host_port);
        },
        copier([](auto& c) -> auto& { return c.uplink->host_port; })},
       "none: the kernel has no part in the uplink",
       "\"host0\""},
      {"uplink",
       "vlan",
       Change::at_start,
       "VLAN of the underlay: what leaves carries its tag, and frames without it are not looked "
       "at.",
       {"integer", "1 to 4094",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_uplink_vlan(reader, key, *config.uplink);
        },
        [](const Config& config) {
          return config.uplink->vlan ? std::to_string(*config.uplink->vlan) : "";
        },
        copier([](auto& c) -> auto& { return c.uplink->vlan; })},
       "no tag",
       "100"},
      {"uplink",
       "backup",
       Change::at_start,
       "A second device, as `device`: what the first carries goes by it while the first has no "
       "link. docs/operate/uplink.md.",
       {"string", "another device of this machine; not beside a host_port",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_backup(reader, key, *config.uplink);
        },
        [](const Config& config) {
          return config.uplink->backup.empty() ? "" : quoted(config.uplink->backup);
        },
        copier([](auto& c) -> auto& { return c.uplink->backup; })},
       "none: without a link of the first there is no underlay",
       "\"eth2\""},
      {"uplink", "bond", Change::at_start,
       "`device` and those of `bond_with` are one uplink: \"lacp\" uses the links on which the "
       "switch agrees (IEEE 802.1AX), \"balance\" all that are up, \"active-backup\" one at a "
       "time. docs/operate/uplink.md.",
       bond_key(), "none: one device, or with a `backup`", "\"lacp\""},
      {"uplink",
       "bond_with",
       Change::at_start,
       "The other devices of the bond, each as `device`.",
       {"list of strings",
        "up to 7 other devices of this machine; not beside a host_port or backup",
        [](ConfigReader& reader, const std::string& key, Config& config) {
          read_bond_with(reader, key, *config.uplink);
        },
        [](const Config& config) {
          const auto& devices = config.uplink->bond_with;
          return devices.empty() ? "" : "[" + list_text(devices) + "]";
        },
        copier([](auto& c) -> auto& { return c.uplink->bond_with; })},
       "none: wanted when `bond` is given",
       "[\"eth2\"]"},
      {"uplink", "lacp_rate", Change::at_start,
       "How often the switch is asked to speak LACP: \"fast\" is every second, and a link on which "
       "it is silent is left after 3 s; \"slow\" is every 30 s, and 90 s.",
       word_key<bool>([](auto& c) -> auto& { return c.uplink->lacp_fast; },
                      {{"fast", true}, {"slow", false}})},
      {"uplink", "kernel_driver", Change::at_start,
       "What drives kernel interfaces: \"af_packet\", or \"af_xdp\", which is faster where a "
       "network card knows it; where it does not work af_packet is used, and the log says so.",
       word_key<bool>([](auto& c) -> auto& { return c.uplink->af_xdp; },
                      {{"af_packet", false}, {"af_xdp", true}})},
      {"uplink", "force", Change::at_start,
       "Take an interface even though it carries an address of the host. You may lose your ssh "
       "session.",
       flag_key([](auto& c) -> auto& { return c.uplink->force; })},
  };
}

std::vector<ConfigKey> all_keys() {
  std::vector<ConfigKey> all;
  for (auto&& part : {daemon_keys(), api_keys(), log_keys(), dataplane_keys(), uplink_keys()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

const std::vector<ConfigTable>& config_tables() {
  static const std::vector<ConfigTable> kTables{
      {"daemon", "The process and its sockets."},
      {"api", "The API beside its socket in [daemon]: over TCP, and for those who only read."},
      {"log",
       "What packets and connections tell the daemon's log, at level info, as key=value. What is "
       "more than the rates is counted: `suppressed` in the next line of its kind."},
      {"dataplane", "What moves packets."},
      {"uplink", "The underlay. Without this table the switch works for guests of this host only.",
       [](const Config& config) { return config.uplink.has_value(); },
       [](Config& config) { config.uplink.emplace(); }},
  };
  return kTables;
}

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> kKeys = all_keys();
  return kKeys;
}

const ConfigKey* find_config_key(const std::string& full_name) {
  for (const ConfigKey& key : config_keys()) {
    if (key.full_name() == full_name) return &key;
  }
  return nullptr;
}

std::string ConfigKey::text(const Config& config) const {
  for (const ConfigTable& its : config_tables()) {
    if (its.name == table && its.is_there && !its.is_there(config)) return "";
  }
  return access.text(config);
}

std::string ConfigKey::standard() const {
  if (!standard_in_words.empty()) return "";
  Config config;
  for (const ConfigTable& each : config_tables()) {
    if (each.make) each.make(config);
  }
  return access.text(config);
}

}  // namespace butterfly
