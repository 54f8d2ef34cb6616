// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <grp.h>
#include <rte_malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/socket_file.h"
#include "control/socket_file.h"
#include "daemon/capabilities.h"
#include "daemon/eal.h"
#include "daemon/expression_program.h"
#include "daemon/memory_plan.h"
#include "daemon/underlay.h"
#include "host/expression/compiler.h"
#include "ports/bonded_uplink.h"
#include "ports/uplink.h"

namespace butterfly {
namespace {

// DPDK's heaps hold all of it, on every NUMA node.
MemoryReport report_memory(const PacketPool& pool, const PacketPool& large, bool is_computed) {
  MemoryReport report;
  report.is_computed = is_computed;
  report.packets = pool.bytes();
  report.super_frames = large.bytes();
  uint64_t taken = 0;
  for (int socket = 0; socket < RTE_MAX_NUMA_NODES; ++socket) {
    rte_malloc_socket_stats heap{};
    if (rte_malloc_get_socket_stats(socket, &heap) != 0) continue;
    report.total += heap.heap_totalsz_bytes;
    taken += heap.heap_allocsz_bytes;
  }
  report.free = report.total - taken;
  report.devices = taken - std::min(taken, report.packets + report.super_frames);
  return report;
}

// The daemon's own group, where none is named.
std::string group_or_own(const std::string& group) {
  const ::group* own = group.empty() ? getgrgid(getegid()) : nullptr;
  return own != nullptr ? own->gr_name : group;
}

Status set_api_rights(const std::string& address, unsigned mode, const std::string& group) {
  const auto path = socket_path_of(address);
  if (!path.ok()) return path.status();
  return set_socket_rights("API socket '" + *path + "'", *path, mode, group_or_own(group));
}

Status set_rights(const Config& before, const Config& next) {
  const DaemonConfig& was = before.daemon;
  const DaemonConfig& is = next.daemon;
  if (is.api_mode != was.api_mode || is.api_group != was.api_group) {
    RETURN_IF_ERROR(set_api_rights(is.api, is.api_mode, is.api_group));
  }
  const ApiConfig& api = next.api;
  if (!api.read_socket.empty() && (api.read_socket_mode != before.api.read_socket_mode ||
                                   api.read_socket_group != before.api.read_socket_group)) {
    RETURN_IF_ERROR(set_api_rights(api.read_socket, api.read_socket_mode, api.read_socket_group));
  }
  if (is.socket_mode == was.socket_mode && is.socket_group == was.socket_group) return ok_status();
  return prepare_socket_directory(is.socket_directory, is.socket_mode,
                                  group_or_own(is.socket_group));
}

StatusOr<std::unique_ptr<UplinkPort>> make_uplink(const UplinkConfig& config,
                                                  const std::string& device,
                                                  const HostOptions& host, PacketPool& pool) {
  UplinkOptions options;
  options.device = device;
  options.lcores = static_cast<uint16_t>(host.cpus.size());
  options.force = config.force;
  options.mtu = config.mtu;
  options.vlan = config.vlan;
  options.sleeps = host.mode == IdleMode::adaptive;
  options.af_xdp = config.af_xdp;
  options.all_macs = devices_of(config).size() > 1;
  return UplinkPort::create(options, pool);
}

// What the host is told of a device beside the port itself.
void add_facts(const UplinkPort& port, HostOptions& options) {
  const auto& warnings = port.warnings();
  options.warnings.insert(options.warnings.end(), warnings.begin(), warnings.end());
  options.uplink_receive_slots += port.receive_slots();
  options.uplink_transmit_slots += port.transmit_slots();
}

// Drivers of the members, as `states`.
std::vector<UplinkMember> members_of(const std::vector<BondedUplink::State>& states,
                                     const std::vector<std::string>& drivers) {
  std::vector<UplinkMember> members;
  for (size_t i = 0; i < states.size(); ++i) {
    const BondedUplink::State& state = states[i];
    members.push_back({state.name, drivers[i], state.has_link, state.is_usable, state.why,
                       state.partner, state.rx_packets, state.tx_packets});
  }
  return members;
}

BondedUplink::Member member_of(const std::string& name, std::unique_ptr<UplinkPort> port) {
  BondedUplink::Member member{name, nullptr, port->mac()};
  member.send_plain = [raw = port.get()](Packet& packet) { return raw->send_plain(packet); };
  member.port = std::move(port);
  return member;
}

// All devices as one, and what carries frames of each.
Status add_bond(const UplinkConfig& config, std::unique_ptr<UplinkPort> first, PacketPool& pool,
                Vtep& vtep, HostOptions& options) {
  UplinkFacts facts{first->driver(), config.vlan.value_or(0), config.backup};
  std::vector<std::string> drivers{first->driver()};
  std::vector<BondedUplink::Member> members;
  members.push_back(member_of(config.device, std::move(first)));
  for (const std::string& device : devices_of(config)) {
    if (device == config.device) continue;
    auto port = make_uplink(config, device, options, pool);
    if (!port.ok()) return port.status();
    UplinkConfig of_one = config;
    of_one.device = device;
    const auto its = make_vtep(of_one, vtep.mac, (*port)->mtu());
    if (!its.ok()) return its.status();
    vtep.mtu = std::min(vtep.mtu, its->mtu);
    add_facts(**port, options);
    drivers.push_back((*port)->driver());
    members.push_back(member_of(device, std::move(*port)));
  }
  BondedUplink::Options bond;
  bond.mode = config.bond.value_or(BondMode::active_backup);
  bond.is_fast = config.lacp_fast;
  bond.lcores = static_cast<uint16_t>(options.cpus.size());
  bond.mac = vtep.mac;
  bond.say = options.say;
  auto made = BondedUplink::create(std::move(members), std::move(bond), pool);
  if (!made.ok()) return made.status();
  (*made)->start();
  options.uplink_facts = [facts, drivers, port = made->get()] {
    UplinkFacts now = facts;
    now.active = port->active_name();
    now.members = members_of(port->states(), drivers);
    return now;
  };
  options.uplink = std::move(*made);
  return ok_status();
}

Status add_uplink(const UplinkConfig& config, PacketPool& pool, PacketPool& large,
                  HostOptions& options) {
  RETURN_IF_ERROR(check_together(config));
  auto port = make_uplink(config, config.device, options, pool);
  if (!port.ok()) return port.status();
  auto vtep = make_vtep(config, (*port)->mac(), (*port)->mtu());
  if (!vtep.ok()) return vtep.status();
  if (!config.host_port.empty()) {
    const HostShare share{config.host_port, vtep->address, vtep->udp_port};
    RETURN_IF_ERROR((*port)->share_with_host(share, pool, large));
  }
  add_facts(**port, options);
  options.uplink_device = config.device;
  if (devices_of(config).size() == 1) {
    options.uplink_facts = [facts = UplinkFacts{(*port)->driver(), config.vlan.value_or(0)}] {
      return facts;
    };
    options.uplink = std::move(*port);
  } else {
    RETURN_IF_ERROR(add_bond(config, std::move(*port), pool, *vtep, options));
  }
  if (const std::string warning = small_underlay(config, *vtep); !warning.empty()) {
    options.warnings.push_back(warning);
  }
  options.vtep = *vtep;
  return ok_status();
}

}  // namespace

StatusOr<std::unique_ptr<Daemon>> Daemon::start(const Config& config) {
  std::unique_ptr<Daemon> daemon(new Daemon());
  // First what may be refused because another daemon runs: before any device is touched.
  auto store = SqliteStore::open(config.daemon.state);
  if (!store.ok()) return store.status();
  daemon->store_ = std::move(*store);
  RETURN_IF_ERROR(prepare_socket_directory(config.daemon.socket_directory,
                                           config.daemon.socket_mode, config.daemon.socket_group));
  RETURN_IF_ERROR(daemon->start_host(config));
  daemon->start_log(config.log);
  daemon->settings_ = std::make_unique<LiveSettings>(
      config, [raw = daemon.get()](const Config& before, const Config& next) {
        return raw->adopt(before, next);
      });
  RETURN_IF_ERROR(daemon->start_control(config));
  return daemon;
}

Status Daemon::start_host(const Config& config) {
  RETURN_IF_ERROR(check_capabilities(config, effective_capabilities()));
  const auto lcores = static_cast<uint16_t>(config.dataplane.lcores.size());
  auto eal = start_eal(config);
  if (!eal.ok()) return eal.status();
  auto pool = PacketPool::create("packets", ordinary_buffers(eal->memory_mb), kPoolCache, -1);
  if (!pool.ok()) return pool.status();
  pool_.emplace(std::move(*pool));
  auto large = PacketPool::create("super-frames", large_buffers(eal->memory_mb), kLargePoolCache,
                                  -1, kLargeBufferData);
  if (!large.ok()) return large.status();
  large_pool_.emplace(std::move(*large));
  const DaemonConfig& daemon = config.daemon;
  factory_ = std::make_unique<DaemonPortFactory>(
      DaemonPortFactory::Sockets{daemon.socket_directory, daemon.socket_mode, daemon.socket_group},
      lcores, *pool_, *large_pool_);

  HostOptions options;
  options.cpus = config.dataplane.lcores;
  options.mode = config.dataplane.mode == PollMode::poll ? IdleMode::poll : IdleMode::adaptive;
  options.flow_capacity = config.dataplane.flows_per_lcore;
  options.shortcut = config.dataplane.shortcut;
  options.fdb_capacity = config.dataplane.fdb_capacity;
  options.balance = config.dataplane.balance;
  options.say = [](const std::string& line) { spdlog::info("{}", line); };
  options.hugepages = eal->hugepages;
  options.pool_cache = kPoolCache;
  options.memory = [this, is_computed = !config.dataplane.memory_mb] {
    return report_memory(*pool_, *large_pool_, is_computed);
  };
  options.expressions = std::make_shared<ChildCompiler>(expression_program());
  options.warnings = eal->warnings;
  if (config.uplink) {
    RETURN_IF_ERROR(add_uplink(*config.uplink, *pool_, *large_pool_, options));
  }
  warnings_at_start_ = options.warnings.size();
  for (const std::string& warning : options.warnings) spdlog::warn("{}", warning);
  auto host = Host::create(std::move(options), *pool_, *factory_);
  if (!host.ok()) return host.status();
  host_ = std::move(*host);
  return ok_status();
}

void Daemon::start_log(const LogConfig& config) {
  log_writers_.clear();
  const auto write = [&](bool drops, uint32_t per_second) {
    if (per_second == 0) return;
    LogQuery query;
    query.drops = drops;
    query.starts = !drops;
    query.per_second = per_second;
    log_writers_.push_back(std::make_unique<LogWriter>(*host_, query));
  };
  if (!news_) news_ = std::make_unique<NewsFollower>(*host_);
  news_->set_writing(config.events);
  write(/*drops=*/true, config.drops_per_second);
  write(/*drops=*/false, config.starts_per_second);
}

Status Daemon::start_control(const Config& config) {
  auto keeper = IntentKeeper::start(*host_, *store_);
  if (!keeper.ok()) return keeper.status();
  keeper_ = std::move(*keeper);
  const auto warnings = host_->report().warnings;
  for (size_t i = warnings_at_start_; i < warnings.size(); ++i) spdlog::warn("{}", warnings[i]);
  ServerOptions options;
  options.address = config.daemon.api;
  options.mode = config.daemon.api_mode;
  options.group = config.daemon.api_group;
  options.settings = settings_.get();
  options.stop = [] { kill(getpid(), SIGTERM); };  // main waits for it
  options.read_socket = {config.api.read_socket, config.api.read_socket_mode,
                         config.api.read_socket_group};
  writers_->set(config.api.writers);
  if (config.api.listen) {
    options.tcp = {*config.api.listen,
                   {config.api.certificate, config.api.key, config.api.client_ca},
                   writers_,
                   config.api.crl};
  }
  auto server = ApiServer::start(options, *host_, *keeper_);
  if (!server.ok()) return server.status();
  server_ = std::move(*server);
  for (const std::string& warning : server_->warnings()) spdlog::warn("{}", warning);
  return ok_status();
}

// What may fail comes first, and is undone; the rest does not fail.
Status Daemon::adopt(const Config& before, const Config& next) {
  if (const Status status = set_rights(before, next); !status.ok()) {
    if (const Status undone = set_rights(next, before); !undone.ok()) {
      spdlog::error("{}", std::string(undone.message()));
    }
    return status;
  }
  factory_->set_rights(next.daemon.socket_mode, next.daemon.socket_group);
  spdlog::set_level(spdlog::level::from_str(next.daemon.log_level));
  writers_->set(next.api.writers);
  if (next.log != before.log) start_log(next.log);
  host_->set_balancing(next.dataplane.balance);
  return ok_status();
}

}  // namespace butterfly
