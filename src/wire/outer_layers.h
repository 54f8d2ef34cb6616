// SPDX-License-Identifier: Apache-2.0
// What lies in front of a frame in a VXLAN tunnel (RFC 7348 §5), and how our side fills it.
//
// UDP checksum: 0 over IPv4 (RFC 7348 §5) and over IPv6 too (RFC 6935 §5: a tunnel whose inner
// packets carry checksums of their own; a full one would read every byte). The IPv6 header has none
// of its own, so what RFC 6936 §4 asks holds: the receiver checks addresses, ports, peer and VNI.
// IPv4 goes out with DF and id 0 (RFC 6864 §4.1): a tunnel never relies on underlay fragments.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "wire/flow_key.h"
#include "wire/headers.h"

namespace butterfly::wire {

template <Family kFamily>
struct OuterLayers {
  EthernetHeader ethernet;
  std::conditional_t<kFamily == Family::v4, Ipv4Header, Ipv6Header> ip;
  UdpHeader udp;
  VxlanHeader vxlan;
};
static_assert(sizeof(OuterLayers<Family::v4>) == 50);
static_assert(sizeof(OuterLayers<Family::v6>) == 70);

// The layers between two endpoints, made once; a frame's are a copy with six fields filled in.
class OuterTemplate {
 public:
  // Of no endpoints: not to be written.
  OuterTemplate() = default;
  // REQUIRES: both addresses of one family.
  OuterTemplate(const Mac& mac, const IpAddress& from, const IpAddress& to, uint16_t udp_port);

  // Writes sizeof(OuterLayers<kFamily>) bytes to `to`, for a frame of `length` bytes behind them;
  // `next_hop` as Mac::to_u64() gives it, `traffic_class` with its ECN bits.
  // REQUIRES: kFamily is that of the endpoints; outer IP packets have at most 65,535 bytes.
  template <Family kFamily>
  [[gnu::always_inline]] void write(uint8_t* to, uint64_t next_hop, uint16_t source_port, Vni vni,
                                    uint32_t length, uint8_t traffic_class = 0) const {
    auto& layers = *reinterpret_cast<OuterLayers<kFamily>*>(to);
    std::memcpy(to, bytes_.data(), sizeof layers);
    // Both MACs share a word: one store instead of three.
    const uint64_t macs = __builtin_bswap64(next_hop << 16) | load_raw<uint64_t>(bytes_.data());
    std::memcpy(to, &macs, sizeof macs);
    const uint32_t udp_length = length + sizeof(UdpHeader) + sizeof(VxlanHeader);
    layers.udp.source_port = source_port;
    layers.udp.length = static_cast<uint16_t>(udp_length);
    layers.vxlan.vni_reserved = vni.value << 8;
    if constexpr (kFamily == Family::v4) {
      const be16 total = static_cast<uint16_t>(udp_length + sizeof(Ipv4Header));
      layers.ip.tos = traffic_class;
      layers.ip.total_length = total;
      layers.ip.checksum = be16::from_raw(ipv4_checksum(total.raw(), traffic_class));
    } else {
      layers.ip.version_class_flow = 6U << 28 | uint32_t{traffic_class} << 20;
      layers.ip.payload_length = static_cast<uint16_t>(udp_length);
    }
  }

 private:
  // RFC 1071 §2: in memory's byte order it is the same sum. The class is the second byte of its
  // word; of three words two folds are enough.
  uint16_t ipv4_checksum(uint16_t total_raw, uint8_t traffic_class) const {
    uint32_t sum = uint32_t{ipv4_sum_} + total_raw + (uint32_t{traffic_class} << 8);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~(sum + (sum >> 16)));
  }

  uint16_t ipv4_sum_ =
      0;  // of the header with class, length and checksum 0, in memory's byte order
  std::array<uint8_t, sizeof(OuterLayers<Family::v6>)> bytes_{};
};

}  // namespace butterfly::wire
