// SPDX-License-Identifier: Apache-2.0
// Takes a packet that every policy let pass into account: begins its flow or moves it on.
// Sources: TCP as in tables/tcp_state.h; RFC 4787, 5508 and 7857 for what refreshes a flow.
//
// In:   a packet that the firewall bricks let pass; packet.out_port says where it goes.
//       packet.procedure_… for packets whose `verdicts` say that rules were asked.
// Out:  packet.procedure_… of what the flow remembers, for those that go by procedure; the flow's
//       TCP progress, idle time, counters and verdicts. ICMP errors change nothing.
// Cost: a flow that exists: its entry. A new one: two searches, an insertion, and whom it counts
//       for; with a limit set, the counts of every lcore.
#pragma once

#include <array>

#include "graph/brick.h"
#include "graph/lcore.h"
#include "graph/shortcut.h"
#include "tables/flow_admission.h"
#include "tables/nic_table.h"

namespace butterfly {

class Record {
 public:
  enum class Out : uint8_t {
    to_guest,
    to_wire,
    by_procedure,
    table_full,
    nic_connections,
    nic_half_open,
    nic_rate,
    segment_connections,
    segment_half_open,
    segment_rate,
    share_used_up,
    tcp_mid_stream,
    tcp_illegal_flags,
    tcp_out_of_window,
    tcp_bad_ack,
    tcp_bad_rst,
    tcp_over,
    first_refused,
  };
  static constexpr std::array kOuts{
      OutInfo{"to-guest", Edge::forward, "to a guest of this host"},
      OutInfo{"to-wire", Edge::forward, "through a tunnel to another host"},
      OutInfo{"by-procedure", Edge::forward, "a rule wants something done to it first"},
      OutInfo{"table-full", Edge::drop, "a new connection, but the flow table has no room left"},
      OutInfo{"nic-connections", Edge::drop, "the nic has as many connections as one may have"},
      OutInfo{"nic-half-open", Edge::drop,
              "the nic has as many unfinished TCP handshakes as one may have"},
      OutInfo{"nic-rate", Edge::drop, "the nic begins more connections a second than one may"},
      OutInfo{"segment-connections", Edge::drop,
              "the segment's nics have as many connections as they may have"},
      OutInfo{"segment-half-open", Edge::drop,
              "the segment's nics have as many unfinished TCP handshakes as they may have"},
      OutInfo{"segment-rate", Edge::drop,
              "the segment's nics begin more connections a second than they may"},
      OutInfo{"share-used-up", Edge::drop,
              "the flow table is nearly full, and the nic has had its share of what is left"},
      OutInfo{"tcp-mid-stream", Edge::drop, "a TCP segment of no known connection, and no SYN"},
      OutInfo{"tcp-illegal-flags", Edge::drop, "TCP flags that no honest host sends together"},
      OutInfo{"tcp-out-of-window", Edge::drop, "TCP data outside what the receiver has offered"},
      OutInfo{"tcp-bad-ack", Edge::drop, "a TCP acknowledgement of data that was never sent"},
      OutInfo{"tcp-bad-rst", Edge::drop, "a TCP reset that misses the expected sequence number"},
      OutInfo{"tcp-over", Edge::drop, "a TCP SYN that met a connection just as it ended"},
      OutInfo{"first-refused", Edge::drop, "a fragment whose first one was refused"},
  };
  static constexpr BrickInfo kInfo{"record", kOuts};
  struct Trace {
    bool is_new;
    tcp::State state;
  };
  static std::string format(const Trace& trace);

  // `flows` and `admission` belong to `lcore`; its clock tells the time.
  Record(FlowTable& flows, FlowAdmission& admission, const NicTable& nics, Shortcut& shortcut,
         Lcore& lcore, const FirewallSettings& settings = {})
      : flows_(flows),
        admission_(admission),
        nics_(nics),
        shortcut_(shortcut),
        lcore_(lcore),
        picks_up_(settings.is_on(Knob::tcp_loose)) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (packet.parsed.kind != wire::FrameKind::flow || (packet.verdicts & kUntracked)) {
      if (!wire::is_fragment(packet.parsed.kind) || (packet.verdicts & kUntracked)) {
        return onward(packet);
      }
      if (packet.parsed.kind == wire::FrameKind::later_fragment) return follow(packet);
    }
    // The pointer may be missing because an earlier packet of this burst, or another copy of this
    // one, has begun the flow since.
    Flow* flow = packet.flow;
    if (!flow) flow = find(packet);
    if (!flow) return begin(packet, trace);
    if ((packet.verdicts & kStartsAnew) && is_other_flow(*flow, packet)) {
      return begin_again(*flow, packet, trace);
    }
    return move_on(*flow, packet, trace);
  }

 private:
  // A flow's first packet visits every brick and costs three times one that takes the shortcut; to
  // and from its port both cost the same.
  static constexpr uint32_t kFirstPacketCharge = 1;

  static Out onward(const Packet& packet) {
    return packet.out_port == kUplinkPort ? Out::to_wire : Out::to_guest;
  }
  wire::FlowId id_of(const Packet& packet) const {
    return flows_.hasher().id_of(packet.parsed.key, packet.parsed.family);
  }
  Flow* find(const Packet& packet) {
    return flows_.find(id_of(packet), packet.flow_hash, lcore_.now());
  }
  // Onward, with what the flow's rules want done to its packets.
  Out onward(Packet& packet, const Flow& flow, Role sender) const;
  // The nics of this host that let a flow's first packet pass: null where none was asked.
  struct Ends {
    const Nic* from;
    const Nic* to;
  };
  Ends ends_of(const Packet& packet) const {
    return {nics_.find(packet.in_port),
            packet.verdicts & kBindTo ? nics_.find(packet.out_port) : nullptr};
  }
  // Of the flow that the packet begins.
  static AccountKey account_of(const Ends& ends) {
    const Nic* nic = ends.from ? ends.from : ends.to;
    return nic ? nic->account() : AccountKey{};
  }
  // Both firewall bricks ask the policy of the snapshot that this brick sees too.
  static NicVerdict verdict_of(const Nic* nic, ProcedureSlot procedure = 0) {
    return nic ? NicVerdict::of(nic->serial, nic->policy.generation, procedure) : NicVerdict{};
  }
  bool is_other_flow(const Flow& flow, const Packet& packet) const;
  tcp::Verdict check_first(const tcp::Segment& segment) const;
  Out begin(Packet& packet, Trace* trace);
  Out begin_again(Flow& flow, Packet& packet, Trace* trace);
  // REQUIRES: counters, TCP's state and routes are zero.
  [[gnu::always_inline]] inline void fill(Flow& flow, const Packet& packet, const Ends& ends,
                                          const AccountKey& account, const tcp::Segment& segment,
                                          Trace* trace) const;
  Out move_on(Flow& flow, Packet& packet, Trace* trace);
  // A fragment behind the first: counts for its flow, and changes nothing else of it.
  Out follow(Packet& packet);
  void bind(Flow& flow, const Packet& packet, Role sender) const;
  void bind(Flow& flow, Role role, PortId port, ProcedureSlot procedure) const;

  FlowTable& flows_;
  FlowAdmission& admission_;
  const NicTable& nics_;
  Shortcut& shortcut_;
  Lcore& lcore_;
  bool picks_up_;  // TCP connections in mid-stream
};
static_assert(DecidingBrick<Record>);

}  // namespace butterfly
