// SPDX-License-Identifier: Apache-2.0
// A packet: DPDK's mbuf and, in its private area, the facts that bricks tell one another.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "base/ids.h"
#include "tables/origin.h"
#include "tables/procedure.h"
#include "wire/parse.h"

namespace butterfly {

struct Flow;

// Every port fills every packet from a pool made by PacketPool, so the facts are always there.
// A burst is an array of `Packet*`; DPDK sees the same array as `rte_mbuf*` (see to_mbufs()).
// Fields name who sets them and who reads them; a brick reads only what an earlier brick on its
// journey has set.
struct Packet : rte_mbuf {
  // Line 1: set by `parse`, `parse-outer` (for the outer frame) and `parse-inner`; read by
  // everything behind them.
  alignas(64) wire::Parsed parsed;
  // Set by switch, flood, or by the shortcut; read by firewall-to, record, deliver, port-out,
  // trace.
  PortId out_port;
  // Set by switch, flood, or by the shortcut, when out_port is the uplink; read by path-mtu,
  // vxlan-encap.
  PeerId peer;
  // Set by `flow`, 0 for what has no flow key; read by flow (owner lcore), vxlan-encap.
  uint32_t flow_hash;

  // Line 2.
  // Set by `flow`, null on a miss; read by firewall-from, firewall-to, record.
  Flow* flow;
  // Where it came from: set by the receiving port (of the uplink: until tunnel-in or vxlan-decap
  // name the tunnel); read by flow, record.
  Origin origin;
  // Tenant of the packet: set by the receiving port (0 on the uplink), then by tunnel-in or
  // vxlan-decap; read by parse, switch, vxlan-encap.
  Vni vni;
  // Slot of the segment in the snapshot's SegmentTable: set and read as `vni`.
  uint16_t segment;
  // Set by tunnel-in or vtep: the peer that the outer source address names; read by vxlan-decap,
  // switch.
  PeerId source_peer;
  // Set by the receiving port; read by parse, antispoof, firewall, switch, path-mtu, trace.
  PortId in_port;
  // Bits kBind… of tables/flow_table.h: set by flow (0), firewall-from, firewall-to; read by
  // firewall-to, record.
  uint8_t verdicts;
  // Of a fragment of TCP that is not the first: the sequence number behind its last byte, and how
  // many there are from the end of the first to that. Set by the stage that gives it its flow; read
  // by record.
  uint32_t tcp_end;
  uint16_t tcp_behind_first;
  // What the rules want done to packets of its flow, those of the nic that it came from and of the
  // one that it goes to: set by firewall-from and firewall-to together with their bit in
  // `verdicts`, then by record with those that the flow remembers; read by record, procedure.
  ProcedureSlot procedure_from;
  ProcedureSlot procedure_to;
  // Where `flow` sends it: set and read by flow only.
  uint8_t way;
  // Index into the lcore's trace slots, 0 when the packet is not traced: engine only.
  uint8_t trace_slot;

  std::span<const uint8_t> bytes() const {
    return {static_cast<const uint8_t*>(buf_addr) + data_off, data_len};
  }
  std::span<uint8_t> bytes() { return {static_cast<uint8_t*>(buf_addr) + data_off, data_len}; }
  // Length of the whole packet over all segments, in bytes.
  uint32_t length() const { return pkt_len; }
  // True when the bytes may be shared with other packets and must not be written.
  bool is_shared() const { return RTE_MBUF_CLONED(this) || rte_mbuf_refcnt_read(this) > 1; }
  // As is_shared(), of any segment.
  bool shares_bytes() const {
    for (const rte_mbuf* segment = this; segment; segment = segment->next) {
      if (static_cast<const Packet*>(segment)->is_shared()) return true;
    }
    return false;
  }

  // What its sender left to the device, in DPDK's receive flags: set by the receiving port (virtio
  // 1.2 §5.1.6.2), cleared by `offload`. A guest may ask for anything; `offload` judges it.
  bool requests_offload() const { return (ol_flags & kOffloadRequests) != 0; }
  // The checksum of TCP or UDP is not written yet; its field holds the pseudo header's sum.
  bool requests_checksum() const {
    return (ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
  }
  // TCP data to be cut into segments of tso_segsz bytes, unless its receiver takes it whole.
  bool is_super_frame() const { return (ol_flags & RTE_MBUF_F_RX_LRO) != 0; }
  static constexpr uint64_t kOffloadRequests = RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO;

  // Header of type H at `offset` of the first segment, or null when it does not lie inside.
  template <typename H>
  const H* at(size_t offset) const {
    return wire::view_at<H>(bytes(), offset);
  }
  template <typename H>
  H* at(size_t offset) {
    return wire::view_at<H>(bytes(), offset);
  }

  // Drops the first `count` bytes. REQUIRES: count <= data_len.
  void strip(uint16_t count) {
    data_off = static_cast<uint16_t>(data_off + count);
    data_len = static_cast<uint16_t>(data_len - count);
    pkt_len -= count;
  }
  // Makes room for `count` bytes in front; null when the headroom is too small.
  uint8_t* prepend(uint16_t count) {
    if (data_off < count) return nullptr;
    data_off = static_cast<uint16_t>(data_off - count);
    data_len = static_cast<uint16_t>(data_len + count);
    pkt_len += count;
    uint8_t* const front = static_cast<uint8_t*>(buf_addr) + data_off;
    if (!front) __builtin_unreachable();  // spares the caller's second look
    return front;
  }

  // The facts of a packet that just entered the graph, by `port`, for a tenant of `vni`.
  void reset_facts(PortId port, Vni tenant = Vni{0}, uint16_t segment_slot = 0) {
    out_port = kNoPort;
    peer = kNoPeer;
    flow_hash = 0;
    flow = nullptr;
    origin = origin_of(port);
    vni = tenant;
    segment = segment_slot;
    source_peer = kNoPeer;
    in_port = port;
    verdicts = 0;
    way = 0;
    trace_slot = 0;
  }
};
static_assert(sizeof(Packet) == sizeof(rte_mbuf) + 128);

inline constexpr uint16_t kPacketPrivateSize = sizeof(Packet) - sizeof(rte_mbuf);
inline constexpr uint16_t kBurst = 32;

inline Packet* to_packet(rte_mbuf* mbuf) { return static_cast<Packet*>(mbuf); }
// The same array as DPDK's calls want it.
inline rte_mbuf** to_mbufs(Packet** packets) { return reinterpret_cast<rte_mbuf**>(packets); }

}  // namespace butterfly
