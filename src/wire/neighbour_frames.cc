// SPDX-License-Identifier: Apache-2.0
#include "wire/neighbour_frames.h"

#include <array>
#include <bit>

#include "wire/checksum.h"

namespace butterfly::wire {
namespace {

constexpr uint16_t kNdLength = sizeof(NdHeader) + sizeof(NdLinkLayerOption);

ArpHeader arp_of(uint16_t operation, const Station<Ipv4>& from, const Station<Ipv4>& to) {
  return {1, kTypeIpv4, sizeof(Mac), sizeof(Ipv4), operation, from.mac, from.ip, to.mac, to.ip};
}

NdFrame nd_of(uint8_t type, const Station<Ipv6>& from, const Station<Ipv6>& to, uint16_t flags,
              const Ipv6& target) {
  const uint8_t option =
      type == kIcmpv6NeighbourSolicitation ? kNdSourceLinkLayer : kNdTargetLinkLayer;
  NdFrame frame{{to.mac, from.mac, kTypeIpv6},
                {6U << 28, kNdLength, kProtoIcmpv6, kNdHopLimit, from.ip, to.ip},
                {{type, 0, 0, flags, 0}, target},
                {option, 1, from.mac}};
  const auto bytes = std::bit_cast<std::array<uint8_t, sizeof frame>>(frame);
  const uint64_t sum = pseudo_header_sum(from.ip, to.ip, kProtoIcmpv6, kNdLength);
  frame.nd.icmp.checksum = checksum_finish(
      checksum_add(std::span(bytes).subspan(kEthernetHeaderLen + sizeof(Ipv6Header)), sum));
  return frame;
}

}  // namespace

ArpFrame make_arp_request(const Station<Ipv4>& from, const Ipv4& target, const Mac& to) {
  return {{to, from.mac, kTypeArp}, arp_of(kArpRequest, from, {Mac{}, target})};
}

ArpFrame make_arp_reply(const Station<Ipv4>& from, const Station<Ipv4>& to) {
  return {{to.mac, from.mac, kTypeArp}, arp_of(kArpReply, from, to)};
}

NdFrame make_solicitation(const Station<Ipv6>& from, const Ipv6& target, const Mac& to) {
  const Ipv6 group = target.solicited_node();
  const Station<Ipv6> asked =
      to.is_zero() ? Station<Ipv6>{mac_of_group(group), group} : Station<Ipv6>{to, target};
  return nd_of(kIcmpv6NeighbourSolicitation, from, asked, 0, target);
}

NdProbe make_probe(const Mac& from, const Ipv6& target) {
  const Ipv6 group = target.solicited_node();
  NdProbe frame{{mac_of_group(group), from, kTypeIpv6},
                {6U << 28, sizeof frame.nd, kProtoIcmpv6, kNdHopLimit, {}, group},
                {{kIcmpv6NeighbourSolicitation, 0, 0, 0, 0}, target}};
  const auto bytes = std::bit_cast<std::array<uint8_t, sizeof frame>>(frame);
  const uint64_t sum = pseudo_header_sum(Ipv6{}, group, kProtoIcmpv6, sizeof frame.nd);
  frame.nd.icmp.checksum = checksum_finish(
      checksum_add(std::span(bytes).subspan(kEthernetHeaderLen + sizeof(Ipv6Header)), sum));
  return frame;
}

NdFrame make_advertisement(const Station<Ipv6>& from, const Station<Ipv6>& to, uint16_t flags) {
  return nd_of(kIcmpv6NeighbourAdvertisement, from, to, flags, from.ip);
}

bool read_link_layer_option(std::span<const uint8_t> options, uint8_t type, Mac& mac) {
  mac = Mac{};
  for (size_t at = 0; at < options.size();) {
    const auto* option = view_at<NdLinkLayerOption>(options, at);
    if (!option || option->length == 0 || at + option->length * size_t{8} > options.size()) {
      return false;
    }
    if (option->type == type && mac.is_zero()) mac = option->mac;
    at += option->length * size_t{8};
  }
  return true;
}

}  // namespace butterfly::wire
