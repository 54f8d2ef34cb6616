// SPDX-License-Identifier: Apache-2.0
#include "wire/tunnel_class.h"

#include "wire/checksum.h"

namespace butterfly::wire {
namespace {

// RFC 6040 §4.2, figure 4, where the frame stays. Combinations that no tunnel's begin makes are
// treated as it says; they lose no mark.
constexpr Ecn combine(Ecn inner, Ecn outer) {
  if (inner == Ecn::not_capable || inner == Ecn::congested) return inner;
  if (outer == Ecn::congested) return outer;
  return outer == Ecn::capable_1 ? outer : inner;
}

constexpr uint8_t with(uint8_t traffic_class, Ecn ecn) {
  return static_cast<uint8_t>((traffic_class & ~kEcnMask) | static_cast<uint8_t>(ecn));
}

void mark(Ipv4Header& ip, Ecn ecn) {
  const auto before = static_cast<uint16_t>(ip.version_ihl << 8 | ip.tos);
  ip.tos = with(ip.tos, ecn);
  const auto after = static_cast<uint16_t>(ip.version_ihl << 8 | ip.tos);
  ip.checksum = checksum_update(ip.checksum, before, after);
}

void mark(Ipv6Header& ip, Ecn ecn) {
  constexpr uint32_t kField = uint32_t{kEcnMask} << 20;
  ip.version_class_flow = (ip.version_class_flow & ~kField) | static_cast<uint32_t>(ecn) << 20;
}

template <typename Header>
bool take(Ecn outer, std::span<uint8_t> frame) {
  auto* ip = view_at<Header>(frame, kEthernetHeaderLen);
  if (!ip) return true;  // cut short: parse will say so
  const Ecn inner = ecn_of(traffic_class_of(*ip));
  if (inner == Ecn::not_capable && outer == Ecn::congested) return false;
  const Ecn marked = combine(inner, outer);
  if (marked != inner) mark(*ip, marked);
  return true;
}

}  // namespace

bool take_outer_ecn(Ecn outer, std::span<uint8_t> frame) {
  const auto* ethernet = view_at<EthernetHeader>(frame, 0);
  if (!ethernet) return true;
  if (ethernet->type == kTypeIpv4) return take<Ipv4Header>(outer, frame);
  if (ethernet->type == kTypeIpv6) return take<Ipv6Header>(outer, frame);
  return true;
}

}  // namespace butterfly::wire
