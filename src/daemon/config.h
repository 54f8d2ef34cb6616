// SPDX-License-Identifier: Apache-2.0
// The settings of butterflyd, read once at start from a TOML file (https://toml.io, 1.0).
// config_keys.cc says everything about every key.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/status.h"
#include "base/tcp_address.h"
#include "ports/bond_mode.h"

namespace butterfly {

enum class PollMode : uint8_t { adaptive, poll };
enum class HugepageUse : uint8_t { automatic, on, off };

struct DaemonConfig {
  std::string api = "unix:/run/butterfly/api.sock";
  unsigned api_mode = 0660;
  std::string api_group;  // empty: the daemon's own
  std::string state = "/var/lib/butterfly/state.db";
  std::string socket_directory = "/run/butterfly/ports";
  unsigned socket_mode = 0660;
  std::string socket_group;
  std::string log_level = "info";  // trace, debug, info, warning, error: as spdlog names them
};

// The API beside the socket of DaemonConfig::api.
struct ApiConfig {
  std::optional<TcpAddress> listen;  // empty: not over TCP; then the files are not wanted either
  std::string certificate;
  std::string key;
  std::string client_ca;
  std::string crl;                   // revocation lists of client_ca; empty: none
  std::vector<std::string> writers;  // names in clients' certificates that may write
  std::string read_socket;           // "unix:/PATH"; empty: none
  unsigned read_socket_mode = 0660;
  std::string read_socket_group;
  bool operator==(const ApiConfig&) const = default;
};

struct DataplaneConfig {
  std::vector<unsigned> lcores;  // CPU numbers; never empty after parse_config
  PollMode mode = PollMode::adaptive;
  std::optional<uint32_t> memory_mb;  // empty: computed (daemon/memory_plan.h)
  HugepageUse hugepages = HugepageUse::automatic;
  uint32_t flows_per_lcore = 65536;
  bool shortcut = true;
  bool balance = true;
  uint32_t fdb_capacity = 131072;
};

struct UplinkConfig {
  std::string device;  // kernel interface, PCI address or DPDK vdev string
  IpAddress address;   // our VTEP
  Cidr on_link;        // the prefix that it lies in
  std::vector<Cidr> also_on_link{};
  std::optional<IpAddress> gateway;
  uint16_t vxlan_port = 4789;
  std::optional<uint16_t> mtu;     // bytes of IP packet; empty: what the device says
  std::optional<uint16_t> vlan;    // tag of the underlay's frames, 1 to 4,094
  std::string host_port;           // interface by which the kernel shares the uplink; empty: none
  std::string backup{};            // a second device, for when the first has no link; empty: none
  std::optional<BondMode> bond{};  // of `device` and these
  std::vector<std::string> bond_with{};
  bool lacp_fast = true;  // partners are asked to speak every second
  bool af_xdp = false;    // drive kernel interfaces by AF_XDP where that works
  bool force = false;     // take an interface that carries the host's own address
};

// What goes to the daemon's own log; 0, false: nothing.
struct LogConfig {
  uint32_t drops_per_second = 0;
  uint32_t starts_per_second = 0;
  bool events = false;
  bool operator==(const LogConfig&) const = default;
};

struct Config {
  DaemonConfig daemon;
  ApiConfig api;
  LogConfig log;
  DataplaneConfig dataplane;
  std::optional<UplinkConfig> uplink;
  std::set<std::string> given;  // keys that the file has: "daemon.api"
};

// The CPUs that this process may run on, ascending.
std::vector<unsigned> usable_cpus();

// Every fault of the text, one line each: "FILE:LINE: table.key = value: fact (wanted …)".
// Keys that are absent take their defaults; the lcore's is the last of `cpus`, since the first
// usually serves the machine's interrupts. REQUIRES: `cpus` is not empty.
StatusOr<Config> parse_config(std::string_view text, const std::string& file,
                              const std::vector<unsigned>& cpus);

StatusOr<Config> load_config(const std::string& path);

}  // namespace butterfly
