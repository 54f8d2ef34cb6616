// SPDX-License-Identifier: Apache-2.0
// A flow spelled out, apart from its table: for listings, and to carry it to another host; and
// which flows somebody means.
#pragma once

#include <array>
#include <optional>

#include "tables/flow_table.h"

namespace butterfly {

// How far a connection is, for people. Without TCP: new until an answer came.
enum class FlowState : uint8_t {
  opening,  // "new"; of TCP: half-open, the handshake is not done
  established,
  half_closed,
  closing,
  time_wait,
  closed,  // by a RST
};
inline constexpr size_t kFlowStates = 6;

// The timeout of a TCP flow in that state, and that of any flow of the protocol before an answer.
TimeoutClass timeout_class_of(tcp::State state);
inline TimeoutClass first_timeout_class_of(wire::Family family, uint8_t protocol) {
  const uint8_t icmp = family == wire::Family::v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6;
  if (protocol == wire::kProtoTcp) return TimeoutClass::tcp_new;
  if (protocol == wire::kProtoUdp) return TimeoutClass::udp_new;
  return protocol == icmp ? TimeoutClass::icmp : TimeoutClass::other;
}

struct FlowRecord {
  wire::FiveTuple tuple;  // as its initiator sends it
  Vni vni;
  tcp::Progress tcp{};  // state none: not TCP, then all zero
  tcp::Track tcp_track{};
  std::array<NicVerdict, 2> verdicts{};  // by Role of the nic's guest
  std::array<Tally, 2> tallies{};        // by Role of the sender
  uint32_t idle_ms = 0;                  // since its last packet, in steps of 16
  uint32_t left_ms = 0;                  // until it expires, if no packet comes

  wire::Family family() const {
    return tuple.source.address.is_v4() ? wire::Family::v4 : wire::Family::v6;
  }
  const NicVerdict& verdict(Role role) const { return verdicts[static_cast<size_t>(role)]; }
  const Tally& tally(Role sender) const { return tallies[static_cast<size_t>(sender)]; }
  const wire::Endpoint& end(Role role) const {
    return role == Role::initiator ? tuple.source : tuple.destination;
  }
  FlowState state() const;
};

// What is looked for; empty members match anything.
struct FlowFilter {
  std::optional<NicSerial> nic;  // whose rules let it pass
  std::optional<Vni> vni;
  std::optional<uint8_t> protocol;
  std::optional<IpAddress> address;  // of either end
  std::optional<uint16_t> port;      // of either end; TCP, UDP and SCTP only
  std::optional<FlowState> state;
  std::optional<Role> role;  // of the nic, or else of the address
  bool half_open = false;    // TCP whose handshake is not done

  // Cost: a flow of IPv6 reads three lines, one of IPv4 two at most.
  bool matches(const FlowTable& flows, const Flow& flow) const noexcept;
};

// REQUIRES: not expired.
FlowRecord record_of(const FlowTable& flows, const Flow& flow, TimeMs now) noexcept;
// Makes `flow` what the record says: TCP, counters, idle time. Not its verdicts, nor whom it counts
// for. REQUIRES: the flow has the record's key; `initiator_is_high` as in that key.
void restore(FlowTable& flows, Flow& flow, const FlowRecord& record, bool initiator_is_high,
             TimeMs now) noexcept;

}  // namespace butterfly
