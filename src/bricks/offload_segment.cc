// SPDX-License-Identifier: Apache-2.0
// RFC 9293 §3.1 (checksum), §3.4 (sequence numbers); RFC 6864 (IPv4 id), 8200 §3, 3168 §6.1.2.
#include "bricks/offload_segment.h"

#include <algorithm>
#include <cstring>

#include "graph/packet_checksum.h"

namespace butterfly {
namespace {

void copy_bytes(const Packet& packet, uint32_t offset, uint32_t length, uint8_t* to) {
  for (const rte_mbuf* segment = &packet; segment && length != 0; segment = segment->next) {
    if (offset >= segment->data_len) {
      offset -= segment->data_len;
      continue;
    }
    const uint32_t here = std::min(length, segment->data_len - offset);
    std::memcpy(to, rte_pktmbuf_mtod_offset(segment, const uint8_t*, offset), here);
    to += here;
    length -= here;
    offset = 0;
  }
}

// `length`: of the segment's whole IP packet.
void patch_ip(Packet& segment, uint32_t index, uint32_t length) {
  const uint16_t l3 = segment.parsed.l3;
  if (segment.parsed.family == wire::Family::v6) {
    segment.at<wire::Ipv6Header>(l3)->payload_length =
        static_cast<uint16_t>(length - sizeof(wire::Ipv6Header));
    return;
  }
  auto* ip = segment.at<wire::Ipv4Header>(l3);
  ip->total_length = static_cast<uint16_t>(length);
  // RFC 6864 §4.2: packets without DF need different ids.
  ip->id = static_cast<uint16_t>(ip->id + index);
  ip->checksum = 0;
  ip->checksum = wire::checksum_finish(
      wire::checksum_add(segment.bytes().subspan(l3, segment.parsed.l4 - l3)));
}

}  // namespace

void write_segment(const SuperFrame& frame, uint32_t index, Packet& segment) noexcept {
  const uint32_t begin = index * frame.size;
  const uint32_t data = std::min<uint32_t>(frame.size, frame.payload - begin);
  const auto length = static_cast<uint16_t>(frame.headers + data);
  auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(&segment, length));
  copy_bytes(frame.packet, 0, frame.headers, bytes);
  copy_bytes(frame.packet, frame.headers + begin, data, bytes + frame.headers);

  wire::Parsed& parsed = segment.parsed;
  const uint16_t stated = parsed.l4_length;
  parsed.l4_length = static_cast<uint16_t>(length - parsed.l4);
  patch_ip(segment, index, length - uint32_t{parsed.l3});
  auto* tcp = segment.at<wire::TcpHeader>(parsed.l4);
  tcp->sequence = tcp->sequence + begin;
  // What ends the data, and what asks to deliver it, belongs to its last byte; RFC 3168 §6.1.2: the
  // answer to a congestion signal is given once.
  if (begin + data != frame.payload) {
    tcp->flags = static_cast<uint8_t>(tcp->flags & ~(wire::kTcpFin | wire::kTcpPsh));
  }
  if (index != 0) tcp->flags = static_cast<uint8_t>(tcp->flags & ~wire::kTcpCwr);
  // The pseudo header's sum counts the length of the whole: RFC 1624 §3 without the complements.
  tcp->checksum = static_cast<uint16_t>(~wire::checksum_finish(
      uint64_t{tcp->checksum} + static_cast<uint16_t>(~stated) + parsed.l4_length));
  write_checksum(segment);
}

void write_checksum(Packet& packet) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.protocol == wire::kProtoTcp) {
    auto* tcp = packet.at<wire::TcpHeader>(parsed.l4);
    tcp->checksum = wire::checksum_finish(packet_sum(packet, parsed.l4, parsed.l4_length));
    return;
  }
  auto* udp = packet.at<wire::UdpHeader>(parsed.l4);
  const uint16_t sum = wire::checksum_finish(packet_sum(packet, parsed.l4, udp->length));
  udp->checksum = sum == 0 ? uint16_t{0xffff} : sum;  // RFC 768: 0 means that there is none
}

}  // namespace butterfly
