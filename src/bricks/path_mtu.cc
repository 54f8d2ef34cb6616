// SPDX-License-Identifier: Apache-2.0
#include "bricks/path_mtu.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "graph/icmp_answer.h"
#include "graph/packet_checksum.h"
#include "graph/packet_pool.h"
#include "graph/run_brick.h"

namespace butterfly {

static_assert(EmittingBrick<PathMtu>);

namespace {

constexpr uint16_t kIpv6MinimumMtu = 1280;
constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint32_t kFragmentUnit = 8;

struct Ipv4Frame {
  wire::EthernetHeader ethernet;
  wire::Ipv4Header ip;
};

// A flooded copy may begin with an empty segment. REQUIRES: so many bytes are there.
void copy_out(const Packet& packet, uint32_t offset, uint32_t length, void* to) {
  const void* bytes = rte_pktmbuf_read(&packet, offset, length, to);
  if (bytes != to) std::memcpy(to, bytes, length);
}

// Of TCP and UDP whose checksum was left to the device: where it belongs, from the upper-layer
// header on.
std::optional<uint32_t> checksum_offset(const Packet& packet) {
  if (packet.parsed.kind != wire::FrameKind::flow) return std::nullopt;
  if (packet.parsed.protocol == wire::kProtoTcp) return offsetof(wire::TcpHeader, checksum);
  if (packet.parsed.protocol == wire::kProtoUdp) return offsetof(wire::UdpHeader, checksum);
  return std::nullopt;
}

// The field holds the sum of the pseudo header (virtio 1.2 §5.1.6.2); `first` has its header.
void finish_checksum(const Packet& whole, Packet& first) {
  const uint32_t l4 = whole.parsed.l4;
  uint16_t sum = wire::checksum_finish(packet_sum(whole, l4, whole.parsed.l4_length));
  if (sum == 0 && whole.parsed.protocol == wire::kProtoUdp) sum = 0xffff;  // RFC 768
  *first.at<be16>(l4 + *checksum_offset(whole)) = sum;
}

}  // namespace

bool PathMtu::may_be_fragmented(const Packet& packet) const noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.ethertype != wire::kTypeIpv4 || parsed.kind == wire::FrameKind::non_ip) return false;
  if (packet.is_super_frame() || packet.length() < sizeof(Ipv4Frame)) return false;
  if (packet.requests_checksum() && !checksum_offset(packet)) return false;
  Ipv4Frame frame;
  copy_out(packet, 0, sizeof frame, &frame);
  return !frame.ip.dont_fragment() && frame.ip.header_length() == sizeof frame.ip &&
         frame.ip.total_length > mtu_ &&
         wire::kEthernetHeaderLen + uint32_t{frame.ip.total_length} <= packet.length();
}

PathMtu::Out PathMtu::fragment(const Packet& packet, Emit<PathMtu>& emit) const noexcept {
  Ipv4Frame frame;
  copy_out(packet, 0, sizeof frame, &frame);
  const uint32_t payload = frame.ip.total_length - static_cast<uint32_t>(sizeof frame.ip);
  const uint16_t fragment = frame.ip.fragment;
  const uint32_t fitting =
      static_cast<uint32_t>(std::min(mtu_ - sizeof frame.ip, kBufferData - sizeof frame));
  const uint32_t most = fitting / kFragmentUnit * kFragmentUnit;
  for (uint32_t begin = 0; begin < payload; begin += most) {
    Packet* piece = emit.make_alike(packet);
    if (!piece) return Out::no_buffer;  // its receiver cannot do without any of them
    const uint32_t length = std::min(most, payload - begin);
    const bool is_last = begin + length == payload;
    frame.ip.total_length = static_cast<uint16_t>(sizeof frame.ip + length);
    frame.ip.fragment =
        static_cast<uint16_t>((fragment + begin / kFragmentUnit) | (is_last ? 0U : kMoreFragments));
    auto* bytes = reinterpret_cast<uint8_t*>(
        rte_pktmbuf_append(piece, static_cast<uint16_t>(sizeof frame + length)));
    frame.ip.checksum = 0;
    std::memcpy(bytes, &frame, sizeof frame);
    piece->at<wire::Ipv4Header>(wire::kEthernetHeaderLen)->checksum = wire::checksum_finish(
        wire::checksum_add(piece->bytes().subspan(wire::kEthernetHeaderLen, sizeof frame.ip)));
    copy_out(packet, static_cast<uint32_t>(sizeof frame) + begin, length, bytes + sizeof frame);
    if (begin == 0 && packet.requests_checksum()) finish_checksum(packet, *piece);
    piece->ol_flags &= ~Packet::kOffloadRequests;
    emit.send(Out::piece, *piece);
  }
  return Out::fragmented;
}

bool PathMtu::segments_fit(const Packet& packet) const noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.kind != wire::FrameKind::flow || parsed.protocol != wire::kProtoTcp) return false;
  // A flooded copy may begin with an empty segment.
  wire::TcpHeader storage;
  const auto* tcp = static_cast<const wire::TcpHeader*>(
      rte_pktmbuf_read(&packet, parsed.l4, sizeof storage, &storage));
  if (!tcp) return false;
  const size_t data = std::min<size_t>(packet.tso_segsz, parsed.l4_length - tcp->header_length());
  return parsed.l4 - parsed.l3 + tcp->header_length() + data <= mtu_;
}

PathMtu::Out PathMtu::answer(Packet& packet) noexcept {
  if (!may_be_answered(packet)) return Out::too_big;
  const bool is_v4 = packet.parsed.family == wire::Family::v4;
  if (!(is_v4 ? is_too_big_v4(packet) : is_too_big_v6(packet))) return Out::too_big;
  if (!answers_.take(lcore_.now())) return Out::too_big_limited;
  const IcmpError error =
      is_v4 ? IcmpError{wire::kIcmpUnreachable, wire::kIcmpFragmentationNeeded, mtu_}
            : IcmpError{wire::kIcmpv6PacketTooBig, 0, mtu_};
  if (!answer_with_icmp(packet, error)) return Out::too_big;
  packet.out_port = packet.in_port;
  return Out::answered;
}

// A small IP packet in a long frame is somebody's padding: its sender has no size to learn.
bool PathMtu::is_too_big_v4(const Packet& packet) const noexcept {
  return packet.at<wire::Ipv4Header>(packet.parsed.l3)->total_length > mtu_;
}

bool PathMtu::is_too_big_v6(const Packet& packet) const noexcept {
  const auto& ip = *packet.at<wire::Ipv6Header>(packet.parsed.l3);
  // RFC 8201 §4: a sender ignores a size below IPv6's minimum, so telling it would be no answer.
  return mtu_ >= kIpv6MinimumMtu && sizeof ip + size_t{ip.payload_length} > mtu_;
}

}  // namespace butterfly
