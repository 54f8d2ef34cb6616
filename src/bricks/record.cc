// SPDX-License-Identifier: Apache-2.0
#include "bricks/record.h"

#include "tables/flow_record.h"

namespace butterfly {
namespace {

bool is_tcp(const Packet& packet) { return packet.parsed.protocol == wire::kProtoTcp; }

tcp::Segment segment_of(const Packet& packet) {
  const auto bytes = packet.bytes();
  const size_t offset = std::min<size_t>(packet.parsed.l4, bytes.size());
  return tcp::read_segment(bytes.subspan(offset), packet.parsed.l4_length);
}

Record::Out refused(tcp::Verdict verdict) {
  switch (verdict) {
    case tcp::Verdict::out_of_window:
      return Record::Out::tcp_out_of_window;
    case tcp::Verdict::bad_ack:
      return Record::Out::tcp_bad_ack;
    case tcp::Verdict::bad_rst:
      return Record::Out::tcp_bad_rst;
    case tcp::Verdict::illegal_flags:
      return Record::Out::tcp_illegal_flags;
    case tcp::Verdict::reopens:
      return Record::Out::tcp_over;
    default:
      return Record::Out::tcp_mid_stream;
  }
}

Record::Out refused(Admission verdict) {
  switch (verdict) {
    case Admission::nic_flows:
      return Record::Out::nic_connections;
    case Admission::nic_half_open:
      return Record::Out::nic_half_open;
    case Admission::nic_rate:
      return Record::Out::nic_rate;
    case Admission::segment_flows:
      return Record::Out::segment_connections;
    case Admission::segment_half_open:
      return Record::Out::segment_half_open;
    case Admission::segment_rate:
      return Record::Out::segment_rate;
    default:
      return Record::Out::share_used_up;
  }
}

}  // namespace

Record::Out Record::onward(Packet& packet, const Flow& flow, Role sender) const {
  const FlowHistory& history = flows_.history(flow);
  if (!history.has_procedure()) [[likely]]
    return onward(packet);
  packet.procedure_from = history.verdict(sender).procedure;
  packet.procedure_to = history.verdict(other(sender)).procedure;
  return Out::by_procedure;
}

// False when an earlier packet of this burst, or another copy, has already begun it anew.
bool Record::is_other_flow(const Flow& flow, const Packet& packet) const {
  if (flow.role_of(packet.parsed.source_is_high) != Role::initiator) return true;
  if (flow.tcp.is_over()) return true;
  const FlowHistory& history = flows_.history(flow);
  if (history.verdict(Role::initiator).serial != verdict_of(nics_.find(packet.in_port)).serial)
    return true;
  const uint32_t responder = history.verdict(Role::responder).serial;
  return (packet.verdicts & kBindTo) && responder != 0 &&
         responder != verdict_of(nics_.find(packet.out_port)).serial;
}

tcp::Verdict Record::check_first(const tcp::Segment& segment) const {
  const tcp::Verdict verdict = tcp::check_first(segment);
  const bool picks_up = picks_up_ && verdict == tcp::Verdict::mid_stream;
  return picks_up && tcp::may_pick_up(segment) ? tcp::Verdict::ok : verdict;
}

Record::Out Record::begin(Packet& packet, Trace* trace) {
  lcore_.charge(packet.in_port, kFirstPacketCharge);
  tcp::Segment segment;
  if (is_tcp(packet)) {
    segment = segment_of(packet);
    const tcp::Verdict verdict = check_first(segment);
    if (verdict != tcp::Verdict::ok) return refused(verdict);
  }
  const Ends ends = ends_of(packet);
  const AccountKey account = account_of(ends);
  const Admission admission = admission_.admit(account, is_tcp(packet), lcore_.now());
  if (admission != Admission::ok) return refused(admission);
  const wire::Parsed& parsed = packet.parsed;
  Flow* flow =
      flows_.insert(parsed.key, parsed.family, id_of(packet), packet.flow_hash, lcore_.now());
  if (!flow) return Out::table_full;
  fill(*flow, packet, ends, account, segment, trace);
  return onward(packet, *flow, Role::initiator);
}

Record::Out Record::begin_again(Flow& flow, Packet& packet, Trace* trace) {
  tcp::Segment segment;
  if (is_tcp(packet)) {
    segment = segment_of(packet);
    const tcp::Verdict verdict = check_first(segment);
    if (verdict != tcp::Verdict::ok) return refused(verdict);
  }
  const Ends ends = ends_of(packet);
  const AccountKey account = account_of(ends);
  const Admission admission = admission_.admit_anew(account, lcore_.now());
  if (admission != Admission::ok) return refused(admission);
  flows_.reset_tallies(flow);
  shortcut_.forget(flow);
  flow.see(lcore_.now());
  flow.tcp = {};
  fill(flow, packet, ends, account, segment, trace);
  return onward(packet, flow, Role::initiator);
}

void Record::fill(Flow& flow, const Packet& packet, const Ends& ends, const AccountKey& account,
                  const tcp::Segment& segment, Trace* trace) const {
  flow.initiator_is_high = packet.parsed.source_is_high;
  flow.timeout = first_timeout_class_of(packet.parsed.family, packet.parsed.protocol);
  if (segment.is_plain_syn()) {
    tcp::start(flow.tcp, flow.tcp_track, segment);
  } else if (is_tcp(packet)) {
    tcp::pick_up(flow.tcp, flow.tcp_track, segment);
  }
  // Where it came from has been asked, or it came through a tunnel and there is no nic.
  flows_.begin_account(
      flow,
      verdict_of(ends.from, packet.verdicts & kBindFrom ? packet.procedure_from : ProcedureSlot{}),
      verdict_of(ends.to, packet.procedure_to), account);
  flows_.count(flow, Role::initiator, packet.length());
  if (trace) *trace = {true, flow.tcp.state};
}

Record::Out Record::move_on(Flow& flow, Packet& packet, Trace* trace) {
  const Role sender = flow.role_of(packet.parsed.source_is_high);
  bool refreshes = true;
  if (is_tcp(packet)) {
    const tcp::Segment segment = segment_of(packet);
    const tcp::Verdict verdict = tcp::check(flow.tcp, flow.tcp_track, sender, segment);
    if (trace) *trace = {false, flow.tcp.state};
    if (verdict == tcp::Verdict::ok) {
      tcp::advance(flow.tcp, flow.tcp_track, sender, segment);
      const TimeoutClass timeout = timeout_class_of(flow.tcp.state);
      if (flow.timeout != timeout) {
        flow.timeout = timeout;
        flows_.note_progress(flow);
      }
    } else if (verdict == tcp::Verdict::ignored) {
      refreshes = false;
    } else {
      return refused(verdict);
    }
  } else if (sender == Role::responder && flow.timeout == TimeoutClass::udp_new) {
    flow.timeout = TimeoutClass::udp_replied;
  }
  if (refreshes) flow.see(lcore_.now());
  if (packet.verdicts & (kBindFrom | kBindTo)) bind(flow, packet, sender);
  flows_.count(flow, sender, packet.length());
  shortcut_.note(packet, flow, sender);
  return onward(packet, flow, sender);
}

Record::Out Record::follow(Packet& packet) {
  Flow* flow = packet.flow ? packet.flow : find(packet);
  if (!flow) return Out::first_refused;
  const Role sender = flow->role_of(packet.parsed.source_is_high);
  if (is_tcp(packet)) {
    const uint32_t first_end = packet.tcp_end - packet.tcp_behind_first;
    if (!tcp::has_reached(flow->tcp_track, sender, first_end)) return Out::first_refused;
    tcp::extend(flow->tcp_track, sender, packet.tcp_end);
  }
  flow->see(lcore_.now());
  flows_.count(*flow, sender, packet.length());
  return onward(packet, *flow, sender);
}

// A packet that the firewall took for the start of a flow, while one in the other direction began
// in the same burst, was asked about the wrong direction: nothing to remember.
void Record::bind(Flow& flow, const Packet& packet, Role sender) const {
  const bool judged_as_start = !packet.flow || (packet.verdicts & kStartsAnew);
  if (judged_as_start && sender == Role::responder) return;
  shortcut_.forget(flow);
  if (packet.verdicts & kBindFrom) bind(flow, sender, packet.in_port, packet.procedure_from);
  if (packet.verdicts & kBindTo) bind(flow, other(sender), packet.out_port, packet.procedure_to);
}

void Record::bind(Flow& flow, Role role, PortId port, ProcedureSlot procedure) const {
  const Nic* nic = nics_.find(port);
  flows_.set_verdict(flow, role, verdict_of(nic, procedure), nic ? nic->account() : AccountKey{});
}

std::string Record::format(const Trace& trace) {
  static constexpr const char* kStates[] = {
      "",        "SYN sent",  "both SYN sent", "SYN received", "established", "half closed",
      "closing", "time wait", "closed"};
  std::string text = trace.is_new ? "new flow" : "";
  if (trace.state == tcp::State::none) return text;
  return text + (text.empty() ? "" : ", ") + kStates[static_cast<size_t>(trace.state)];
}

}  // namespace butterfly
