// SPDX-License-Identifier: Apache-2.0
// RFC 9293 §3.1 (header, checksum), §3.4 (sequence numbers); virtio 1.2 §5.1.6.4 (what a driver
// that receives super-frames may expect).
#include "graph/merge_tcp.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "graph/packet_checksum.h"
#include "graph/packet_pool.h"

namespace butterfly {
namespace {

constexpr uint64_t kLeftToDevice = RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG;
constexpr uint64_t kNotAsItCame =
    Packet::kOffloadRequests | kLeftToDevice | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
// Of a frame in all: a guest that forwards it can have it received again (decision record 0009).
constexpr uint32_t kMostBytes = kLargeBufferData;
// Flows, by six bits of their hash, that can be told apart among a port's packets.
constexpr size_t kFlowSlots = 64;
constexpr int kFlowSlotShift = 32 - 6;

const wire::TcpHeader& tcp_of(const Packet& packet) {
  return *packet.at<wire::TcpHeader>(packet.parsed.l4);
}

uint16_t payload_of(const Packet& packet) {
  return static_cast<uint16_t>(packet.parsed.l4_length - tcp_of(packet).header_length());
}

bool may_begin(const wire::Parsed& parsed) {
  return parsed.protocol == wire::kProtoTcp && parsed.kind == wire::FrameKind::flow &&
         parsed.l4_length >= sizeof(wire::TcpHeader) + kLeastPiece;
}

bool has_plain_headers(const wire::Parsed& parsed, const Port::Offloads& takes) {
  const bool is_v4 = parsed.family == wire::Family::v4;
  const size_t ip = is_v4 ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header);
  return (is_v4 ? takes.tso4 : takes.tso6) && parsed.l3 == wire::kEthernetHeaderLen &&
         parsed.l4 == parsed.l3 + ip;
}

// A packet with TCP data and nothing besides, whose bytes are its own. Parse has seen that its
// headers are whole.
bool is_piece(const Packet& packet, const Port::Offloads& takes) {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.protocol != wire::kProtoTcp || parsed.kind != wire::FrameKind::flow) return false;
  if ((packet.ol_flags & kNotAsItCame) != 0 || packet.nb_segs != 1 || packet.is_shared()) {
    return false;
  }
  if (!has_plain_headers(parsed, takes)) return false;
  if (packet.length() != length_before_merge(packet)) return false;  // Ethernet's padding
  const uint8_t flags = tcp_of(packet).flags;
  return (flags & ~(wire::kTcpPsh | wire::kTcpEce)) == wire::kTcpAck && payload_of(packet) != 0;
}

template <typename H>
bool is_same(const H& a, const H& b, size_t from, size_t length) {
  return std::memcmp(reinterpret_cast<const uint8_t*>(&a) + from,
                     reinterpret_cast<const uint8_t*>(&b) + from, length) == 0;
}

// `number`: which piece of the frame that begins with `head` `packet` would be.
bool has_same_ip(const Packet& head, const Packet& packet, uint16_t number) {
  const uint16_t l3 = head.parsed.l3;
  if (head.parsed.family == wire::Family::v6) {
    const auto& a = *head.at<wire::Ipv6Header>(l3);
    const auto& b = *packet.at<wire::Ipv6Header>(l3);
    // Version, class and label; next header, hop limit and both addresses.
    return is_same(a, b, 0, 4) && is_same(a, b, 6, sizeof a - 6);
  }
  const auto& a = *head.at<wire::Ipv4Header>(l3);
  const auto& b = *packet.at<wire::Ipv4Header>(l3);
  // Version and TOS; flags, TTL and protocol; both addresses.
  const bool agrees = is_same(a, b, 0, 2) && is_same(a, b, 6, 4) && is_same(a, b, 12, 8);
  return agrees && (a.dont_fragment() || b.id == static_cast<uint16_t>(a.id + number));
}

bool has_same_tcp(const wire::TcpHeader& a, const wire::TcpHeader& b) {
  if (((a.flags ^ b.flags) & ~wire::kTcpPsh) != 0) return false;
  // Ports; acknowledgement and header length; window; urgent pointer and options.
  return is_same(a, b, 0, 4) && is_same(a, b, 8, 5) && is_same(a, b, 14, 2) &&
         is_same(a, b, 18, a.header_length() - 18);
}

uint64_t pseudo_header_sum_of(const Packet& packet) {
  const bool is_v4 = packet.parsed.family == wire::Family::v4;
  const auto addresses = is_v4 ? packet.bytes().subspan(packet.parsed.l3 + 12u, 8)
                               : packet.bytes().subspan(packet.parsed.l3 + 8u, 32);
  return wire::checksum_add(addresses, uint64_t{wire::kProtoTcp} + packet.parsed.l4_length);
}

bool are_checksums_right(const Packet& packet) {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.family == wire::Family::v4 &&
      !wire::ipv4_checksum_holds(*packet.at<wire::Ipv4Header>(parsed.l3))) {
    return false;
  }
  const auto segment = packet.bytes().subspan(parsed.l4, parsed.l4_length);
  return wire::checksum_finish(wire::checksum_add(segment, pseudo_header_sum_of(packet))) == 0;
}

// A super-frame in the making.
class Frame {
 public:
  explicit Frame(Packet& head)
      : head_(&head),
        last_(&head),
        size_(payload_of(head)),
        pieces_(1),
        next_sequence_(tcp_of(head).sequence + size_),
        may_grow_(size_ >= kLeastPiece && (tcp_of(head).flags & wire::kTcpPsh) == 0),
        is_checked_(false),
        is_pushed_(false) {}
  Frame() = default;

  bool may_grow() const { return may_grow_; }
  // Makes `piece` the frame's end, if it is what comes next.
  bool take(Packet& piece);
  // Writes the headers; nothing to do for a packet that has stayed alone.
  void finish();

 private:
  bool continues_with(const Packet& piece, uint16_t payload) const;

  Packet* head_;
  rte_mbuf* last_;
  uint16_t size_;  // data bytes of its pieces, but of the last
  uint16_t pieces_;
  uint32_t next_sequence_;
  bool may_grow_;
  bool is_checked_;  // its head's checksums are right
  bool is_pushed_;
};

bool Frame::continues_with(const Packet& piece, uint16_t payload) const {
  const Packet& head = *head_;
  const wire::TcpHeader& tcp = tcp_of(piece);
  return piece.parsed.family == head.parsed.family && payload <= size_ &&
         tcp.sequence == next_sequence_ && head.length() + payload <= kMostBytes &&
         has_same_tcp(tcp_of(head), tcp) && has_same_ip(head, piece, pieces_) &&
         std::memcmp(head.bytes().data(), piece.bytes().data(), wire::kEthernetHeaderLen) == 0;
}

bool Frame::take(Packet& piece) {
  const uint16_t payload = payload_of(piece);
  if (!continues_with(piece, payload)) return false;
  if (!is_checked_ && !are_checksums_right(*head_)) return false;
  is_checked_ = true;
  if (!are_checksums_right(piece)) return false;
  is_pushed_ = (tcp_of(piece).flags & wire::kTcpPsh) != 0;
  may_grow_ = payload == size_ && !is_pushed_;
  next_sequence_ += payload;
  ++pieces_;
  piece.strip(static_cast<uint16_t>(piece.length() - payload));
  last_->next = &piece;
  last_ = &piece;
  ++head_->nb_segs;
  head_->pkt_len += payload;
  return true;
}

void Frame::finish() {
  if (pieces_ == 1) return;
  Packet& head = *head_;
  wire::Parsed& parsed = head.parsed;
  parsed.l4_length = static_cast<uint16_t>(head.length() - parsed.l4);
  const bool is_v4 = parsed.family == wire::Family::v4;
  if (is_v4) {
    auto& ip = *head.at<wire::Ipv4Header>(parsed.l3);
    const uint16_t before = ip.total_length;
    ip.total_length = static_cast<uint16_t>(head.length() - parsed.l3);
    ip.checksum = wire::checksum_update(ip.checksum, before, ip.total_length);
  } else {
    head.at<wire::Ipv6Header>(parsed.l3)->payload_length = parsed.l4_length;
  }
  auto& tcp = *head.at<wire::TcpHeader>(parsed.l4);
  if (is_pushed_) tcp.flags |= wire::kTcpPsh;
  // What virtio 1.2 §5.1.6.2 wants there of whoever leaves a checksum to be written.
  tcp.checksum = static_cast<uint16_t>(~wire::checksum_finish(pseudo_header_sum_of(head)));
  head.ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
                   (is_v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
  head.tx_offload = rte_mbuf_tx_offload(parsed.l3, static_cast<uint64_t>(parsed.l4 - parsed.l3),
                                        tcp.header_length(), size_, 0, 0, 0);
}

}  // namespace

uint16_t merge_tcp(std::span<Packet*> packets, const Port::Offloads& takes) noexcept {
  // Most bursts have nothing for us.
  if (std::ranges::none_of(packets, [](const Packet* p) { return may_begin(p->parsed); })) {
    return static_cast<uint16_t>(packets.size());
  }
  std::array<Frame, kMergeMost> frames;
  std::array<Packet*, kMergeMost> merged;
  // The frame, counted from 1, that a flow's next piece may join. Whatever else comes of it, or of
  // another flow with these bits, ends that: nothing overtakes it.
  std::array<uint8_t, kFlowSlots> growing{};
  uint16_t frame_count = 0;
  uint16_t merged_count = 0;
  uint16_t left = 0;
  for (Packet* packet : packets) {
    uint8_t& slot = growing[packet->flow_hash >> kFlowSlotShift];
    if (!is_piece(*packet, takes)) {
      slot = 0;
    } else if (slot != 0 && frames[slot - 1u].take(*packet)) {
      merged[merged_count++] = packet;
      if (!frames[slot - 1u].may_grow()) slot = 0;
      continue;
    } else {
      frames[frame_count] = Frame(*packet);
      slot = static_cast<uint8_t>(frames[frame_count++].may_grow() ? frame_count : 0);
    }
    packets[left++] = packet;
  }
  if (merged_count == 0) return left;
  for (Frame& frame : std::span(frames.data(), frame_count)) frame.finish();
  std::copy_n(merged.begin(), merged_count, packets.begin() + left);
  return left;
}

}  // namespace butterfly
