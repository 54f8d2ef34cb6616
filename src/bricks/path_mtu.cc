// SPDX-License-Identifier: Apache-2.0
#include "bricks/path_mtu.h"

#include <algorithm>

#include "graph/icmp_answer.h"

namespace butterfly {
namespace {

constexpr uint16_t kIpv6MinimumMtu = 1280;

}  // namespace

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
