// SPDX-License-Identifier: Apache-2.0
#include "host/flow_jobs.h"

#include <algorithm>

namespace butterfly {

bool ScanJob::do_slice(FlowTable& flows, TimeMs now) noexcept {
  if (is_at_end()) return true;
  begin_slice();
  next_ = flows.visit_some(next_, kLooks, [&](Flow& flow) {
    if (flows.is_expired(flow, now) || !filter_.matches(flows, flow)) return true;
    return take(flows, flow, now);
  });
  looked_ += kLooks;
  if (!is_at_end() && !is_full() && looked_ < kEntries) return false;
  looked_ = 0;
  return true;
}

bool CopyFlowsJob::take(FlowTable& flows, Flow& flow, TimeMs now) noexcept {
  room_[count_++] = record_of(flows, flow, now);
  return !is_full();
}

std::span<const FlowRecord> CopyFlowsJob::take_copied() {
  return room_.first(std::exchange(count_, 0));
}

bool CountFlowsJob::take(FlowTable& flows, Flow& flow, TimeMs now) noexcept {
  const FlowRecord record = record_of(flows, flow, now);
  ++counts_.by[record.tuple.protocol][static_cast<size_t>(record.state())];
  return true;
}

bool EraseFlowsJob::take(FlowTable& flows, Flow& flow, TimeMs) noexcept {
  flows.erase(flow);
  ++erased_;
  return ++writes_ < kWrites;
}

bool PutFlowsJob::do_slice(FlowTable& flows, TimeMs now) noexcept {
  const size_t end = std::min(flows_.size(), next_ + kFlows);
  for (; next_ < end && !has_failed_; ++next_) {
    IncomingFlow& incoming = flows_[next_];
    using Fate = IncomingFlow::Fate;
    if (step_ == Step::insert) {
      insert(flows, incoming, now);
      has_failed_ = incoming.fate == Fate::no_room;
    } else if (step_ == Step::merge) {
      if (incoming.fate == Fate::open) merge(flows, incoming, now);
    } else if (incoming.fate == Fate::inserted) {
      if (Flow* flow = flows.find(incoming.id, incoming.hash, now)) flows.erase(*flow);
      incoming.fate = Fate::open;
    }
  }
  return next_ == flows_.size() || has_failed_;
}

// As one that only this nic has let pass.
void PutFlowsJob::begin(FlowTable& flows, Flow& flow, Role role) const noexcept {
  const bool is_initiator = role == Role::initiator;
  flows.begin_account(flow, is_initiator ? verdict() : NicVerdict{},
                      is_initiator ? NicVerdict{} : verdict(), nic_);
}

void PutFlowsJob::insert(FlowTable& flows, IncomingFlow& incoming, TimeMs now) noexcept {
  const FlowRecord& record = incoming.record;
  if (flows.find(incoming.id, incoming.hash, now)) return;
  const bool is_half_open = record.tcp.state != tcp::State::none &&
                            timeout_class_of(record.tcp.state) == TimeoutClass::tcp_new;
  refusal_ = admission_.admit_grown(nic_, is_half_open);
  Flow* flow = nullptr;
  if (refusal_ == Admission::ok) {
    flow = flows.insert(incoming.key, record.family(), incoming.id, incoming.hash, now);
  }
  if (!flow) {
    incoming.fate = IncomingFlow::Fate::no_room;
    return;
  }
  begin(flows, *flow, incoming.role);
  restore(flows, *flow, record, incoming.initiator_is_high, now);
  incoming.fate = IncomingFlow::Fate::inserted;
  if (!flows.is_expired(*flow, now)) return;
  flows.erase(*flow);
  incoming.fate = IncomingFlow::Fate::expired;
}

// The other end's host has seen the same packets as the one that it comes from, and may be this
// one: what was seen last is right, and both ends' nics stay the flow's.
void PutFlowsJob::merge(FlowTable& flows, IncomingFlow& incoming, TimeMs now) const noexcept {
  incoming.fate = IncomingFlow::Fate::kept;
  Flow* flow = flows.find(incoming.id, incoming.hash, now);
  if (!flow) return;  // it expired just now, or was flushed
  const bool is_same_way = flow->initiator_is_high == incoming.initiator_is_high;
  if (flows.idle_ms(*flow, now) > incoming.record.idle_ms) {
    if (!is_same_way) begin(flows, *flow, incoming.role);
    restore(flows, *flow, incoming.record, incoming.initiator_is_high, now);
    flows.set_verdict(*flow, incoming.role, verdict(), nic_);
    incoming.fate = IncomingFlow::Fate::renewed;
  } else if (is_same_way && flows.history(*flow).verdict(incoming.role).serial == 0) {
    flows.set_verdict(*flow, incoming.role, verdict(), nic_);
    flow->forget_routes();
  }
}

}  // namespace butterfly
