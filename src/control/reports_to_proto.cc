// SPDX-License-Identifier: Apache-2.0
// Reports of the host to API messages.
#include "control/to_proto.h"

namespace butterfly {

v1::NicState to_proto(const NicReport& report) {
  v1::NicState message;
  message.set_connected(report.connected);
  message.set_lcore(report.lcore);
  message.set_rx_packets(report.rx_packets);
  message.set_rx_bytes(report.rx_bytes);
  message.set_tx_packets(report.tx_packets);
  message.set_tx_bytes(report.tx_bytes);
  message.set_tx_refused(report.tx_refused);
  message.set_rx_refused(report.rx_refused);
  message.set_connections(report.flows);
  message.set_half_open(report.half_open);
  message.set_guest_mtu(report.guest_mtu);
  message.set_macs(report.macs);
  message.set_queue_pairs(report.queue_pairs);
  for (const uint16_t lcore : report.lcores) message.add_lcores(lcore);
  return message;
}

v1::OutCounter to_proto(const OutReport& report) {
  v1::OutCounter message;
  message.set_brick(report.node);
  message.set_out(report.out);
  message.set_drop(report.drop);
  message.set_sentence(report.sentence);
  message.set_packets(report.packets);
  message.set_bytes(report.bytes);
  return message;
}

v1::Ledger to_proto(const LedgerReport& report) {
  v1::Ledger message;
  message.set_received(report.received);
  message.set_made(report.made);
  message.set_copied(report.copied);
  message.set_sent(report.sent);
  message.set_merged(report.merged);
  message.set_dropped(report.dropped);
  message.set_handed_over(report.handed_over);
  message.set_taken_over(report.taken_over);
  message.set_held(report.held);
  message.set_no_buffer(report.no_buffer);
  return message;
}

v1::LcoreState to_proto(const LcoreReport& report) {
  v1::LcoreState message;
  message.set_index(report.index);
  message.set_cpu(report.cpu);
  message.set_sleeping(report.sleeping);
  message.set_rounds(report.rounds);
  message.set_busy_rounds(report.busy_rounds);
  message.set_flows(report.flows);
  message.set_flow_capacity(report.flow_capacity);
  message.set_flows_evicted(report.flows_evicted);
  message.set_busy_percent(report.busy_percent);
  return message;
}

v1::BufferUse to_proto(const BufferUse& use) {
  v1::BufferUse message;
  message.set_what(use.what);
  message.set_buffers(use.buffers);
  message.set_why(use.why);
  return message;
}

v1::MemoryState to_proto(const MemoryReport& report) {
  v1::MemoryState message;
  message.set_total(report.total);
  message.set_computed(report.is_computed);
  message.set_packets(report.packets);
  message.set_super_frames(report.super_frames);
  message.set_devices(report.devices);
  message.set_free(report.free);
  return message;
}

v1::BalanceState to_proto(const BalanceReport& report) {
  v1::BalanceState message;
  message.set_on(report.is_on);
  message.set_moves(report.moves);
  if (!report.last) return message;
  const auto age = std::chrono::steady_clock::now() - report.last->time;
  v1::NicMove& last = *message.mutable_last();
  last.set_nic(report.last->nic);
  last.set_from(report.last->from);
  last.set_to(report.last->to);
  last.set_from_busy_percent(report.last->busy_from);
  last.set_to_busy_percent(report.last->busy_to);
  last.set_age_s(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(age).count()));
  return message;
}

v1::UplinkState to_proto(const UplinkReport& report) {
  v1::UplinkState message;
  message.set_device(report.device);
  message.set_link_up(report.link_up);
  message.set_address(report.address.to_string());
  message.set_mac(report.mac.to_string());
  message.set_mtu(report.mtu);
  message.set_inner_mtu(report.inner_mtu);
  message.set_rx_packets(report.rx_packets);
  message.set_rx_bytes(report.rx_bytes);
  message.set_tx_packets(report.tx_packets);
  message.set_tx_bytes(report.tx_bytes);
  message.set_vlan(report.facts.vlan);
  message.set_driver(report.facts.driver);
  message.set_backup(report.facts.backup);
  message.set_active(report.facts.active);
  for (const UplinkMember& member : report.facts.members) {
    v1::UplinkMember& told = *message.add_members();
    told.set_device(member.name);
    told.set_driver(member.driver);
    told.set_link_up(member.has_link);
    told.set_usable(member.is_usable);
    told.set_why(member.why);
    told.set_partner(member.partner);
    told.set_rx_packets(member.rx_packets);
    told.set_tx_packets(member.tx_packets);
  }
  return message;
}

v1::TraceResponse to_proto(const TraceReport& report) {
  v1::TraceResponse message;
  message.set_from(report.from);
  message.set_to(report.to);
  message.set_length_bytes(report.length);
  for (const TraceReport::Step& step : report.steps) {
    v1::TraceStep& out = *message.add_steps();
    out.set_brick(step.node);
    out.set_out(step.out);
    out.set_drop(step.drop);
    out.set_sentence(step.sentence);
    out.set_note(step.note);
  }
  return message;
}

v1::RuleHits to_proto(const RuleHits& hits) {
  v1::RuleHits message;
  message.set_rule_id(hits.rule);
  if (hits.hits) message.set_hits(*hits.hits);
  return message;
}

v1::GetConfigResponse to_proto(const std::vector<SettingReport>& settings) {
  v1::GetConfigResponse message;
  for (const SettingReport& setting : settings) {
    v1::ConfigKey& key = *message.add_keys();
    key.set_key(setting.key);
    key.set_value(setting.value);
    key.set_standard(setting.standard);
    switch (setting.origin) {
      case SettingOrigin::standard:
        key.set_origin(v1::CONFIG_ORIGIN_DEFAULT);
        break;
      case SettingOrigin::file:
        key.set_origin(v1::CONFIG_ORIGIN_FILE);
        break;
      case SettingOrigin::run_time:
        key.set_origin(v1::CONFIG_ORIGIN_RUN_TIME);
        break;
    }
    key.set_start_only(setting.start_only);
    key.set_type(setting.type);
    key.set_wanted(setting.wanted);
    key.set_sentence(setting.sentence);
  }
  return message;
}

}  // namespace butterfly
