// SPDX-License-Identifier: Apache-2.0
// What the host tells of itself: sums over lcores, read while they run.
#include <algorithm>

#include "host/buffer_uses.h"
#include "host/host_impl.h"

namespace butterfly {

std::shared_ptr<const Intent> HostImpl::intent() const {
  const std::lock_guard lock(state_mutex_);
  return intent_;
}

HostReport HostImpl::report() const {
  const std::lock_guard lock(state_mutex_);
  HostReport report;
  report.generation = state_.snapshot.generation;
  report.warnings = options_.warnings;
  for (const auto& [rule, warning] : state_.dead_expressions) report.warnings.push_back(warning);
  report.hugepages = options_.hugepages;
  report.buffers = pool_.size();
  report.buffers_used = pool_.in_use();
  report.buffer_uses = buffer_uses({static_cast<uint16_t>(lcores_.size()),
                                    static_cast<uint32_t>(nic_ports_.size()), options_.pool_cache,
                                    options_.uplink_receive_slots, options_.uplink_transmit_slots});
  if (options_.memory) report.memory = options_.memory();
  if (const uint64_t most = sum_of(report.buffer_uses); most > report.buffers) {
    report.warnings.push_back("packet buffers: " + std::to_string(most) +
                              " may be wanted at the same time, " + std::to_string(report.buffers) +
                              " are there; what finds none waits in its guest's ring, copies are " +
                              "dropped (no buffer, in counters). Raise memory_mb");
  }
  report.fdb_entries = fdb_.size();
  report.fdb_capacity = fdb_.capacity();
  const Fdb::Counts fdb = fdb_.counts();
  report.fdb_moved = fdb.moved;
  report.fdb_held = fdb.held;
  report.fdb_not_learnt = fdb.not_learnt;
  for (const auto& lcore : lcores_) {
    report.lcores.push_back(lcore->report());
    report.lcores.back().busy_percent = busy_percent_[report.lcores.size() - 1];
  }
  report.balance = {is_balancing_.load(), moves_, last_move_};
  if (options_.uplink) {
    const Totals totals = port_totals(kUplinkPort);
    report.uplink = UplinkReport{options_.uplink_device,
                                 options_.uplink->is_connected(),
                                 state_.snapshot.vtep.address,
                                 state_.snapshot.vtep.mac,
                                 state_.snapshot.vtep.mtu,
                                 state_.snapshot.vtep.inner_mtu(),
                                 totals.rx_packets,
                                 totals.rx_bytes,
                                 totals.tx_packets,
                                 totals.tx_bytes,
                                 options_.uplink_facts ? options_.uplink_facts() : UplinkFacts{}};
  }
  const TimeMs now = monotonic_ms();
  for (const auto& [address, slot] : state_.slots.peers.all()) {
    const Peer* peer = state_.snapshot.peers->find(PeerId{slot});
    if (address.is_multicast()) continue;  // a segment's group
    PeerReport told{peer->address, peer->next_hop, neighbours_.find(peer->neighbour, now)};
    told.is_learnt = !intent_->peers.contains(address);
    if (told.is_learnt) {
      const auto& vnis = state_.intent.peers.at(address).vnis;
      told.vnis.assign(vnis.begin(), vnis.end());
    }
    report.peers.push_back(std::move(told));
  }
  return report;
}

std::vector<NicReport> HostImpl::nic_reports() const {
  const std::lock_guard lock(state_mutex_);
  std::vector<NicReport> reports;
  for (const auto& [id, nic] : state_.intent.nics) {
    const PortId slot{*state_.slots.ports.find(id)};
    const Totals now = port_totals(slot);
    const auto base_at = baselines_.find(slot.value);
    const Totals base = base_at == baselines_.end() ? Totals{} : base_at->second;
    NicReport report;
    report.id = id;
    report.connected = nic_ports_.at(id)->is_connected();
    report.guest_mtu = nic_ports_.at(id)->guest_mtu();
    report.socket = factory_.socket_path(nic);
    if (nic.type == NicType::tap) report.tap_name = nic.kernel_name();
    report.lcore = state_.placement.at(id);
    report.lcores = polling_lcores(nic, report.lcore);
    report.queue_pairs = nic_ports_.at(id)->queue_pairs();
    report.rx_packets = now.rx_packets - base.rx_packets;
    report.rx_bytes = now.rx_bytes - base.rx_bytes;
    report.rx_refused = nic_ports_.at(id)->refused_frames();
    report.tx_packets = now.tx_packets - base.tx_packets;
    report.tx_bytes = now.tx_bytes - base.tx_bytes;
    report.tx_refused = now.tx_refused - base.tx_refused;
    report.macs = fdb_.size_of(slot);
    const AccountKey account = state_.snapshot.nics->find(slot)->account();
    for (const FlowAccounts* accounts : flow_shares_.accounts) {
      const FlowAccounts::Counts counts = accounts->of_nic(account);
      report.flows += counts.flows;
      report.half_open += counts.half_open;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

HostImpl::Totals HostImpl::port_totals(PortId id) const {
  Totals totals;
  for (const auto& lcore : lcores_) {
    const PortCounts& counts = lcore->lcore().counters().port(id);
    totals.rx_packets += counts.rx_packets.read();
    totals.rx_bytes += counts.rx_bytes.read();
    totals.tx_packets += counts.tx_packets.read();
    totals.tx_bytes += counts.tx_bytes.read();
    totals.tx_refused += counts.tx_refused.read();
  }
  return totals;
}

uint64_t HostImpl::hits_at(uint32_t slot) const {
  uint64_t sum = 0;
  for (const auto& lcore : lcores_) sum += lcore->lcore().hits().read(slot);
  return sum;
}

// With the lock held: a slot changes hands only under it.
StatusOr<std::vector<RuleHits>> HostImpl::rule_hits(const std::string& group) const {
  const std::lock_guard lock(state_mutex_);
  const auto found = state_.groups.rules.find(group);
  if (found == state_.groups.rules.end()) {
    return not_found("group '" + group + "': not found (wanted one of ours)");
  }
  std::vector<RuleHits> all;
  for (const auto& [id, rule] : found->second->rules()) {
    RuleHits& one = all.emplace_back(RuleHits{id, std::nullopt});
    if (rule->hits_slot != kNoHitSlot) one.hits = hits_at(rule->hits_slot) - rule->hits_base;
  }
  return all;
}

std::vector<RuleHits> HostImpl::guard_hits() const {
  const std::lock_guard lock(state_mutex_);
  std::vector<RuleHits> all;
  for (const auto& rule : state_.snapshot.guard->rules()) {
    RuleHits& one = all.emplace_back(RuleHits{rule->match.id, std::nullopt});
    const Rule& match = rule->match;
    if (match.hits_slot != kNoHitSlot) one.hits = hits_at(match.hits_slot) - match.hits_base;
  }
  return all;
}

CounterReport HostImpl::counters() const {
  const std::lock_guard lock(state_mutex_);
  CounterReport report;
  for (const Node& node : views_.front()->graph->graph().nodes()) {
    for (size_t out = 0; out < node.info().outs.size(); ++out) {
      const OutInfo& info = node.info().outs[out];
      OutReport row{node.name(), info.name, info.edge == Edge::drop, info.sentence, 0, 0};
      for (const auto& lcore : lcores_) {
        const OutCount& count = lcore->lcore().counters().node(node.index())[out];
        row.packets += count.packets.read();
        row.bytes += count.bytes.read();
      }
      report.outs.push_back(std::move(row));
    }
  }
  for (const auto& lcore : lcores_) {
    const LedgerCounts& ledger = lcore->lcore().counters().ledger();
    report.ledger.received += ledger.received.read();
    report.ledger.made += ledger.made.read();
    report.ledger.copied += ledger.copied.read();
    report.ledger.sent += ledger.sent.read();
    report.ledger.merged += ledger.merged.read();
    report.ledger.dropped += ledger.dropped.read();
    report.ledger.handed_over += ledger.handed_over.read();
    report.ledger.taken_over += ledger.taken_over.read();
    report.ledger.held += ledger.held.read();
    report.ledger.no_buffer += ledger.no_buffer.read();
  }
  return report;
}

std::string HostImpl::graph_dot() const {
  const std::lock_guard lock(state_mutex_);
  return views_.front()->graph->graph().to_dot();
}

}  // namespace butterfly
