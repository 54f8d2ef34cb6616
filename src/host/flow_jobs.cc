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

// Its nic's rules are asked at its next packet: generation 0 is older than any policy.
void PutFlowsJob::insert(FlowTable& flows, IncomingFlow& incoming, TimeMs now) noexcept {
  const FlowRecord& record = incoming.record;
  if (flows.find(incoming.id, incoming.hash, now)) return;
  Flow* flow = flows.insert(incoming.key, record.family(), incoming.id, incoming.hash, now);
  if (!flow) {
    incoming.fate = IncomingFlow::Fate::no_room;
    return;
  }
  restore(flows, *flow, record, incoming.initiator_is_high, now);
  flows.history(*flow).verdict(incoming.role) = NicVerdict::of(nic_, 0);
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
  NicVerdict& own = flows.history(*flow).verdict(incoming.role);
  const bool is_same_way = flow->initiator_is_high == incoming.initiator_is_high;
  if (flows.idle_ms(*flow, now) > incoming.record.idle_ms) {
    if (!is_same_way) flows.history(*flow).verdict(other(incoming.role)) = {};
    restore(flows, *flow, incoming.record, incoming.initiator_is_high, now);
    own = NicVerdict::of(nic_, 0);
    incoming.fate = IncomingFlow::Fate::renewed;
  } else if (is_same_way && own.serial == 0) {
    own = NicVerdict::of(nic_, 0);
    flow->forget_routes();
  }
}

}  // namespace butterfly
