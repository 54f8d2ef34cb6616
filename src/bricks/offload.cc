// SPDX-License-Identifier: Apache-2.0
#include "bricks/offload.h"

#include <algorithm>

#include "bricks/offload_segment.h"
#include "graph/run_brick.h"

namespace butterfly {
static_assert(EmittingBrick<Offload>);

namespace {

bool has_extensions(const wire::Parsed& parsed) {
  return parsed.family == wire::Family::v6 && parsed.l4 != parsed.l3 + sizeof(wire::Ipv6Header);
}

// From the guest's request to what DPDK's ports and drivers read.
void pass_on(Packet& packet, uint64_t request, uint64_t l4_header, uint64_t segment_size) {
  const wire::Parsed& parsed = packet.parsed;
  packet.ol_flags &= ~Packet::kOffloadRequests;
  packet.ol_flags |=
      request | (parsed.family == wire::Family::v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
  const auto l3_header = static_cast<uint64_t>(parsed.l4 - parsed.l3);
  packet.tx_offload = rte_mbuf_tx_offload(parsed.l3, l3_header, l4_header, segment_size, 0, 0, 0);
}

Offload::Out segment(Packet& packet, const SuperFrame& frame, Emit<Offload>& emit) {
  for (uint32_t index = 0; index < frame.count(); ++index) {
    Packet* made = emit.make_alike(packet);
    if (!made) return Offload::Out::no_buffer;  // TCP sends the rest again
    write_segment(frame, index, *made);
    emit.send(Offload::Out::made, *made);
  }
  return Offload::Out::replaced;
}

}  // namespace

Offload::Out Offload::serve(Packet& packet, Trace* trace, Emit<Offload>& emit) const noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (!packet.is_super_frame() && !packet.requests_checksum()) {
    packet.ol_flags &= ~Packet::kOffloadRequests;  // what a NIC has found out about it
    return Out::untouched;
  }
  const uint16_t size = packet.is_super_frame() ? packet.tso_segsz : uint16_t{0};
  if (trace) *trace = {packet.length(), size};
  const bool is_tcp = parsed.kind == wire::FrameKind::flow && parsed.protocol == wire::kProtoTcp;
  const bool is_udp = parsed.kind == wire::FrameKind::flow && parsed.protocol == wire::kProtoUdp;
  if (packet.is_super_frame()) {
    return is_tcp ? serve_super_frame(packet, emit) : Out::not_segmentable;
  }
  return is_tcp || is_udp ? serve_checksum(packet, emit) : Out::no_such_checksum;
}

Offload::Out Offload::serve_super_frame(Packet& packet, Emit<Offload>& emit) const noexcept {
  const wire::Parsed& parsed = packet.parsed;
  // A flooded copy may begin with an empty segment.
  wire::TcpHeader storage;
  const auto* tcp = static_cast<const wire::TcpHeader*>(
      rte_pktmbuf_read(&packet, parsed.l4, sizeof storage, &storage));
  if (!tcp || (tcp->flags & (wire::kTcpSyn | wire::kTcpRst)) != 0) return Out::not_segmentable;
  const uint32_t headers = parsed.l4 + static_cast<uint32_t>(tcp->header_length());
  if (headers > kMaxHeaders) return Out::not_segmentable;
  const uint32_t payload = parsed.l4_length - static_cast<uint32_t>(tcp->header_length());
  const uint16_t size = packet.tso_segsz;
  if (size < kMinSegment) return Out::bad_segment_size;
  if (payload <= size) return serve_checksum(packet, emit);
  if ((payload + size - 1) / size > kMaxSegments) return Out::too_many_segments;

  const Port::Offloads target = offloads_of(packet.out_port);
  const bool takes_it = parsed.family == wire::Family::v4 ? target.tso4 : target.tso6;
  // A library that cannot say GSO_ECN would have CWR repeated in every segment.
  if (takes_it && (tcp->flags & wire::kTcpCwr) == 0 && !has_extensions(parsed)) {
    pass_on(packet, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM, tcp->header_length(), size);
    return Out::passed_on;
  }
  // Smaller segments than asked for are as good, and each fits one buffer.
  const auto room = static_cast<uint16_t>(kBufferData - headers);
  return segment(packet, {packet, static_cast<uint16_t>(headers), payload, std::min(size, room)},
                 emit);
}

Offload::Out Offload::serve_checksum(Packet& packet, Emit<Offload>& emit) const noexcept {
  // Behind extension headers no driver finds the pseudo header again.
  if (offloads_of(packet.out_port).checksum && !has_extensions(packet.parsed)) {
    const bool is_tcp = packet.parsed.protocol == wire::kProtoTcp;
    pass_on(packet, is_tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM, 0, 0);
    return Out::passed_on;
  }
  if (!packet.shares_bytes()) {
    packet.ol_flags &= ~Packet::kOffloadRequests;
    write_checksum(packet);
    return Out::finished;
  }
  Packet* own = emit.copy(packet);
  if (!own) return Out::no_buffer;
  own->ol_flags &= ~Packet::kOffloadRequests;
  write_checksum(*own);
  emit.send(Out::made, *own);
  return Out::replaced;
}

Port::Offloads Offload::offloads_of(PortId port) const noexcept {
  const Port* target = port.value < ports_.size() ? ports_[port.value] : nullptr;
  return target ? target->offloads() : Port::Offloads{};
}

std::string Offload::format(const Trace& trace) {
  if (trace.length == 0) return {};
  if (trace.segment_size == 0) return "checksum asked for";
  return std::to_string(trace.length) + " bytes, segments of " +
         std::to_string(trace.segment_size) + " asked for";
}

}  // namespace butterfly
