// SPDX-License-Identifier: Apache-2.0
// Nics that move to another lcore while they run, and who decides it (decision record 0029).
#include <pthread.h>
#include <rte_cycles.h>

#include <algorithm>
#include <ctime>

#include "host/host_impl.h"

namespace butterfly {
namespace {

// What receiving and parsing a packet costs, and copying so many bytes of it.
constexpr uint64_t kBytesAPacket = 1024;

uint64_t polling_cost(const PortCounts& counts) {
  return counts.rx_packets.read() + counts.rx_bytes.read() / kBytesAPacket;
}

}  // namespace

std::vector<PortId> HostImpl::ports_of(uint16_t lcore,
                                       const SharedMap<std::string, uint16_t>& placement) const {
  std::vector<PortId> ports;
  if (options_.uplink) ports.push_back(kUplinkPort);
  for (const auto& [id, first] : placement) {
    const auto polling = polling_lcores(state_.intent.nics.at(id), first);
    if (std::ranges::find(polling, lcore) == polling.end()) continue;
    ports.push_back(PortId{*state_.slots.ports.find(id)});
  }
  return ports;
}

Status HostImpl::publish_polled(uint16_t lcore, std::vector<PortId> ports) {
  PolledPorts polled(lcores_.size());
  polled[lcore] = std::move(ports);
  auto views = build_views(state_, polled);
  if (!views.ok()) return views.status();
  publish(std::move(*views));
  return ok_status();
}

// Fragments are handed on to the owners of their flows: these rings come second.
void HostImpl::settle_handovers() {
  for (const HandoffMesh* mesh : {&fragment_mesh_, &mesh_}) {
    const auto filled = mesh->filled();
    const timespec nap{0, 20'000};
    while (!mesh->has_given(filled)) nanosleep(&nap, nullptr);
    quiescence_->wait();  // the rounds that took them have ended: they are sent
  }
}

Status HostImpl::move_nic(const std::string& nic, uint16_t lcore) {
  const std::lock_guard one_at_a_time(apply_mutex_);
  const std::string name = "nic '" + nic + "': ";
  const auto placed = state_.placement.find(nic);
  if (placed == state_.placement.end()) return not_found(name + "not found (wanted one of ours)");
  if (lcore >= lcores_.size()) {
    return invalid(name + "lcore " + std::to_string(lcore) + " is unknown (wanted 0.." +
                   std::to_string(lcores_.size() - 1) + ")");
  }
  if (const uint16_t queues = state_.intent.nics.at(nic).queues; queues > 1) {
    return precondition(name + "has " + std::to_string(queues) +
                        " queue pairs, which lcores share (wanted one)");
  }
  const uint16_t from = placed->second;
  if (from == lcore) return ok_status();
  Port& port = *nic_ports_.at(nic);
  const PortId id{*state_.slots.ports.find(nic)};
  auto placement = state_.placement;
  placement.set(nic, lcore);

  // Nobody polls it, until what came before is sent: no later packet can overtake it.
  RETURN_IF_ERROR(publish_polled(from, ports_of(from, placement)));
  settle_handovers();
  lcores_[from]->unwatch(id, port.wake_fd_for(from));
  const bool has_moved = port.move_polling(from, lcore);
  if (has_moved) {
    const std::lock_guard lock(state_mutex_);
    state_.placement = placement;
  }
  const uint16_t poller = has_moved ? lcore : from;
  RETURN_IF_ERROR(publish_polled(poller, ports_of(poller, state_.placement)));
  return has_moved ? ok_status() : precondition(name + "its port cannot be moved");
}

void HostImpl::start_balance() {
  seen_.resize(lcores_.size());
  look_at_load();
  load_watcher_ = std::thread([this] {
    std::unique_lock lock(load_mutex_);
    const std::chrono::milliseconds between(options_.look_ms);
    while (!load_news_.wait_for(lock, between, [this] { return is_ending_; })) {
      lock.unlock();
      if (const auto move = look_at_load()) carry_out(*move);
      lock.lock();
    }
  });
  pthread_setname_np(load_watcher_.native_handle(), "load-watcher");
}

void HostImpl::stop_balance() {
  {
    const std::lock_guard lock(load_mutex_);
    is_ending_ = true;
  }
  load_news_.notify_all();
  if (load_watcher_.joinable()) load_watcher_.join();
}

std::optional<NicMove> HostImpl::look_at_load() {
  const uint64_t cycles = rte_rdtsc();
  const auto passed = static_cast<double>(cycles - std::exchange(seen_cycles_, cycles));
  std::vector<LcoreLoad> loads;
  {
    const std::lock_guard lock(state_mutex_);
    for (uint16_t lcore = 0; lcore < lcores_.size(); ++lcore) {
      loads.push_back(load_of(lcore, passed));
      busy_percent_[lcore] = static_cast<uint32_t>(loads.back().busy * 100 + 0.5);
    }
  }
  if (!is_balancing_.load(std::memory_order_relaxed)) return std::nullopt;
  return balance_.decide(loads, monotonic_ms());
}

// Of what an lcore was busy with, its ports and what others have handed to it have their parts.
LcoreLoad HostImpl::load_of(uint16_t lcore, double cycles_passed) {
  const LcoreRunner& runner = *lcores_[lcore];
  Seen& seen = seen_[lcore];
  const auto since = [](uint64_t now, uint64_t& before) {
    return now - std::exchange(before, now);
  };
  LcoreLoad load;
  load.busy = std::min(
      1.0, static_cast<double>(since(runner.busy_cycles(), seen.busy_cycles)) / cycles_passed);
  const LcoreCounters& counters = runner.lcore().counters();
  uint64_t all = since(counters.ledger().taken_over.read(), seen.taken_over);
  std::array<uint64_t, kMaxPorts> costs;
  for (uint16_t port = 0; port < kMaxPorts; ++port) {
    costs[port] = since(polling_cost(counters.port(PortId{port})), seen.costs[port]);
    all += costs[port];
  }
  if (all == 0) return load;
  for (const auto& [id, first] : state_.placement) {
    if (first != lcore || state_.intent.nics.at(id).queues > 1) continue;
    const uint64_t cost = costs[*state_.slots.ports.find(id)];
    if (cost == 0) continue;
    load.nics.push_back({id, load.busy * static_cast<double>(cost) / static_cast<double>(all)});
  }
  return load;
}

void HostImpl::carry_out(const NicMove& move) {
  if (!move_nic(move.nic, move.to).ok()) return;  // it has gone meanwhile
  const auto percent = [](double share) { return static_cast<uint32_t>(share * 100 + 0.5); };
  const MoveReport report{move.nic,
                          move.from,
                          move.to,
                          percent(move.busy_from),
                          percent(move.busy_to),
                          std::chrono::steady_clock::now()};
  {
    const std::lock_guard lock(state_mutex_);
    ++moves_;
    last_move_ = report;
  }
  if (options_.say) {
    options_.say("nic " + report.nic + ": moved from lcore " + std::to_string(report.from) + ", " +
                 std::to_string(report.busy_from) + " % busy, to lcore " +
                 std::to_string(report.to) + ", " + std::to_string(report.busy_to) + " % busy");
  }
}

}  // namespace butterfly
