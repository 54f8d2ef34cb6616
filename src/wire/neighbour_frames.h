// SPDX-License-Identifier: Apache-2.0
// Whole frames of ARP (RFC 826) and neighbour discovery (RFC 4861 §4.3, §4.4), to be written out.
#pragma once

#include <span>

#include "wire/headers.h"

namespace butterfly::wire {

struct ArpFrame {
  EthernetHeader ethernet;
  ArpHeader arp;
};
static_assert(sizeof(ArpFrame) == 42);

struct NdFrame {
  EthernetHeader ethernet;
  Ipv6Header ip;
  NdHeader nd;
  NdLinkLayerOption option;
};
static_assert(sizeof(NdFrame) == 86);

// Whether an address is free: it comes from `::`, so nobody's MAC is in it (RFC 4861 §4.3).
struct NdProbe {
  EthernetHeader ethernet;
  Ipv6Header ip;
  NdHeader nd;
};
static_assert(sizeof(NdProbe) == 78);

inline constexpr uint8_t kNdHopLimit = 255;  // proof that no router was on the way (RFC 4861 §3.1)
inline constexpr uint8_t kNdSourceLinkLayer = 1;
inline constexpr uint8_t kNdTargetLinkLayer = 2;
inline constexpr uint16_t kNdSolicited = 0x4000;  // flags of an advertisement, in IcmpHeader::id
inline constexpr uint16_t kNdOverride = 0x2000;
inline constexpr Ipv6 kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// One end of an exchange.
template <typename Ip>
struct Station {
  Mac mac;
  Ip ip;
};

// The Ethernet group of an IPv6 group (RFC 2464 §7).
constexpr Mac mac_of_group(const Ipv6& group) {
  return {{0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
}

// "Who has `target`?", to one station or to everyone.
ArpFrame make_arp_request(const Station<Ipv4>& from, const Ipv4& target, const Mac& to);
ArpFrame make_arp_reply(const Station<Ipv4>& from, const Station<Ipv4>& to);
// "Who has `target`?", to its station, or with a zero `to` to its solicited-node group.
NdFrame make_solicitation(const Station<Ipv6>& from, const Ipv6& target, const Mac& to);
// "Does anybody have `target`?", to its solicited-node group (RFC 4862 §5.4.2).
NdProbe make_probe(const Mac& from, const Ipv6& target);
// "I have `from.ip`", with the given flags.
NdFrame make_advertisement(const Station<Ipv6>& from, const Station<Ipv6>& to, uint16_t flags);

// Walks ND options; `mac` is that of the first option of the type, zero when there is none. False
// when an option has no length or leaves `options`: the message must be discarded (RFC 4861 §7.1).
bool read_link_layer_option(std::span<const uint8_t> options, uint8_t type, Mac& mac);

}  // namespace butterfly::wire
