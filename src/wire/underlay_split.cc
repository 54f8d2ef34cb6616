// SPDX-License-Identifier: Apache-2.0
#include "wire/underlay_split.h"

#include "wire/headers.h"
#include "wire/parse.h"

namespace butterfly::wire {
namespace {

constexpr uint8_t kProtoIgmp = 2;
constexpr uint16_t kFragmentOffset = 0x1fff;

bool is_icmp_error(uint8_t type) {
  return type == kIcmpUnreachable || type == kIcmpSourceQuench || type == kIcmpTimeExceeded ||
         type == kIcmpParameterProblem;
}

}  // namespace

UnderlaySplit::Owner UnderlaySplit::owner_of(std::span<const uint8_t> frame) const {
  const auto* ethernet = view_at<EthernetHeader>(frame, 0);
  if (!ethernet) return Owner::kernel;
  if (ethernet->type == kTypeArp) return owner_of_arp(frame);
  if (ethernet->type == kTypeIpv4) return owner_of_ipv4(frame);
  return ethernet->type == kTypeIpv6 ? owner_of_ipv6(frame) : Owner::kernel;
}

UnderlaySplit::Owner UnderlaySplit::owner_of_arp(std::span<const uint8_t> frame) const {
  const auto* arp = view_at<ArpHeader>(frame, kEthernetHeaderLen);
  if (!arp || !arp->is_ipv4_over_ethernet()) return Owner::kernel;
  if (arp->operation == kArpReply || arp->sender_ip == arp->target_ip) return Owner::both;
  return IpAddress(arp->target_ip) == vtep_ ? Owner::tunnel : Owner::kernel;
}

bool UnderlaySplit::is_vxlan(std::span<const uint8_t> frame, size_t l4) const {
  const auto* udp = view_at<UdpHeader>(frame, l4);
  return udp && udp->destination_port == udp_port_;
}

UnderlaySplit::Owner UnderlaySplit::owner_of_ipv4(std::span<const uint8_t> frame) const {
  const auto* ip = view_at<Ipv4Header>(frame, kEthernetHeaderLen);
  if (!ip) return Owner::kernel;
  if (ip->protocol == kProtoIgmp) return Owner::both;
  const IpAddress destination(ip->destination);
  const bool is_for_us = destination == vtep_;
  if ((!is_for_us && !destination.is_multicast()) || (ip->fragment & kFragmentOffset) != 0) {
    return Owner::kernel;
  }
  const size_t l4 = kEthernetHeaderLen + ip->header_length();
  if (ip->protocol == kProtoUdp) return is_vxlan(frame, l4) ? Owner::tunnel : Owner::kernel;
  const auto* icmp = view_at<IcmpHeader>(frame, l4);
  if (!is_for_us || ip->protocol != kProtoIcmp || !icmp) return Owner::kernel;
  if (icmp->type == kIcmpEcho) return Owner::tunnel;
  return is_icmp_error(icmp->type) ? Owner::both : Owner::kernel;
}

UnderlaySplit::Owner UnderlaySplit::owner_of_ipv6(std::span<const uint8_t> frame) const {
  const auto* ip = view_at<Ipv6Header>(frame, kEthernetHeaderLen);
  if (!ip) return Owner::kernel;
  // Multicast listener discovery comes behind a router alert (RFC 2711).
  if (ip->next_header == kProtoHopByHop) return Owner::both;
  const IpAddress destination(ip->destination);
  const bool is_for_us = destination == vtep_;
  constexpr size_t kL4 = kEthernetHeaderLen + sizeof(Ipv6Header);
  if (ip->next_header == kProtoUdp) {
    const bool is_ours = (is_for_us || destination.is_multicast()) && is_vxlan(frame, kL4);
    return is_ours ? Owner::tunnel : Owner::kernel;
  }
  const auto* icmp = view_at<IcmpHeader>(frame, kL4);
  if (ip->next_header != kProtoIcmpv6 || !icmp) return Owner::kernel;
  switch (icmp->type) {
    case kIcmpv6NeighbourAdvertisement:
      return Owner::both;
    case kIcmpv6NeighbourSolicitation: {
      const auto* target = view_at<Ipv6>(frame, kL4 + sizeof(IcmpHeader));
      return target && IpAddress(*target) == vtep_ ? Owner::tunnel : Owner::kernel;
    }
    case kIcmpv6Echo:
      return is_for_us ? Owner::tunnel : Owner::kernel;
    default:
      return is_for_us && icmp->type <= kIcmpv6ParameterProblem ? Owner::both : Owner::kernel;
  }
}

}  // namespace butterfly::wire
