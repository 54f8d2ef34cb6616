// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_record.h"

namespace butterfly {
namespace {

constexpr Role kRoles[] = {Role::initiator, Role::responder};

FlowState state_of(tcp::State state, bool is_answered) {
  switch (state) {
    case tcp::State::none:
      return is_answered ? FlowState::established : FlowState::opening;
    case tcp::State::established:
      return FlowState::established;
    case tcp::State::half_closed:
      return FlowState::half_closed;
    case tcp::State::closing:
      return FlowState::closing;
    case tcp::State::time_wait:
      return FlowState::time_wait;
    case tcp::State::closed:
      return FlowState::closed;
    default:
      return FlowState::opening;
  }
}

bool has_ports(uint8_t protocol) {
  return protocol == wire::kProtoTcp || protocol == wire::kProtoUdp || protocol == wire::kProtoSctp;
}

}  // namespace

TimeoutClass timeout_class_of(tcp::State state) {
  switch (state) {
    case tcp::State::established:
      return TimeoutClass::tcp_established;
    case tcp::State::half_closed:
      return TimeoutClass::tcp_half_closed;
    case tcp::State::closing:
    case tcp::State::closed:
      return TimeoutClass::tcp_closing;
    case tcp::State::time_wait:
      return TimeoutClass::tcp_time_wait;
    default:
      return TimeoutClass::tcp_new;
  }
}

FlowState FlowRecord::state() const {
  return state_of(tcp.state, tally(Role::responder).packets != 0);
}

bool FlowFilter::matches(const FlowTable& flows, const Flow& flow) const noexcept {
  if (half_open && (flow.tcp.state == tcp::State::none ||
                    state_of(flow.tcp.state, false) != FlowState::opening)) {
    return false;
  }
  if (state) {
    const bool is_answered =
        flow.tcp.state == tcp::State::none && flows.tally(flow, Role::responder).packets != 0;
    if (*state != state_of(flow.tcp.state, is_answered)) return false;
  }
  if (nic) {
    const FlowHistory& history = flows.history(flow);
    const auto is_in = [&](Role in) { return history.verdict(in).is_of(*nic); };
    if (role ? !is_in(*role) : !is_in(Role::initiator) && !is_in(Role::responder)) return false;
  }
  if (!vni && !protocol && !address && !port) return true;
  const wire::FlowKey key = flows.key_of(flow);
  if (vni && *vni != wire::vni_of(key, flow.family())) return false;
  const wire::FiveTuple tuple = wire::five_tuple_of(key, flow.family(), flow.initiator_is_high);
  if (protocol && *protocol != tuple.protocol) return false;
  if (address) {
    const bool is_source = *address == tuple.source.address;
    const bool is_destination = *address == tuple.destination.address;
    const bool by_role = role && !nic;
    if (by_role ? !(*role == Role::initiator ? is_source : is_destination)
                : !is_source && !is_destination) {
      return false;
    }
  }
  return !port || (has_ports(tuple.protocol) &&
                   (*port == tuple.source.port || *port == tuple.destination.port));
}

FlowRecord record_of(const FlowTable& flows, const Flow& flow, TimeMs now) noexcept {
  const wire::FlowKey key = flows.key_of(flow);
  FlowRecord record;
  record.tuple = wire::five_tuple_of(key, flow.family(), flow.initiator_is_high);
  record.vni = wire::vni_of(key, flow.family());
  record.tcp = flow.tcp;
  if (flow.tcp.state != tcp::State::none) record.tcp_track = flow.tcp_track;
  const FlowHistory& history = flows.history(flow);
  for (const Role role : kRoles) {
    record.verdicts[static_cast<size_t>(role)] = history.verdict(role);
    record.tallies[static_cast<size_t>(role)] = flows.tally(flow, role);
  }
  record.idle_ms = flows.idle_ms(flow, now);
  const uint32_t timeout = flows.timeout_ms(flow.timeout);
  record.left_ms = timeout > record.idle_ms ? timeout - record.idle_ms : 0;
  return record;
}

void restore(FlowTable& flows, Flow& flow, const FlowRecord& record, bool initiator_is_high,
             TimeMs now) noexcept {
  flow.initiator_is_high = initiator_is_high;
  flow.tcp = record.tcp;
  flow.tcp_track = record.tcp_track;
  flow.timeout = record.tcp.state == tcp::State::none
                     ? first_timeout_class_of(record.family(), record.tuple.protocol)
                     : timeout_class_of(record.tcp.state);
  const bool is_answered = record.tally(Role::responder).packets != 0;
  if (flow.timeout == TimeoutClass::udp_new && is_answered)
    flow.timeout = TimeoutClass::udp_replied;
  flows.note_progress(flow);
  flow.see(now - record.idle_ms);
  flow.forget_routes();
  for (const Role role : kRoles) flows.set_tally(flow, role, record.tally(role));
}

}  // namespace butterfly
