// SPDX-License-Identifier: Apache-2.0
// A VXLAN datagram for our endpoint as it nearly always looks, recognised by two masked compares:
// to our MAC, IPv4 without options or fragment or IPv6 without extension headers, to our address,
// UDP to our port with checksum 0, I flag set (RFC 7348 §5). Anything else, sound or not, is left
// to those who look at layer after layer.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstdint>
#include <span>

#include "wire/checksum.h"
#include "wire/outer_layers.h"

namespace butterfly::wire {

class OuterPattern {
 public:
  OuterPattern(const Mac& mac, const IpAddress& address, uint16_t udp_port);

  // The outer layers of a frame that begins with `head` and has `frame_length` bytes in all, when
  // it is such a datagram, its IPv4 checksum holds, its lengths agree with one another and with the
  // frame (which may be padded), and an inner Ethernet header lies within `head`; else null.
  // REQUIRES: kFamily is that of the address, frame_length >= head.size().
  template <Family kFamily>
  [[gnu::always_inline]] const OuterLayers<kFamily>* match(std::span<const uint8_t> head,
                                                           uint32_t frame_length) const {
    using Layers = OuterLayers<kFamily>;
    constexpr uint32_t kShortest = sizeof(Layers) + sizeof(EthernetHeader);
    static_assert(kShortest >= kBytes);
    if (head.size() < kShortest || !matches(head.data())) return nullptr;
    const auto& layers = *reinterpret_cast<const Layers*>(head.data());
    uint32_t ip_length;  // header included
    if constexpr (kFamily == Family::v4) {
      ip_length = layers.ip.total_length;
    } else {
      ip_length = uint32_t{layers.ip.payload_length} + sizeof(Ipv6Header);
    }
    const uint32_t length = kEthernetHeaderLen + ip_length;
    if (length - kShortest > frame_length - kShortest) return nullptr;  // what is too short wraps
    if (layers.udp.length != ip_length - sizeof(layers.ip)) return nullptr;
    if constexpr (kFamily == Family::v4) {
      if (!ipv4_checksum_holds(layers.ip)) return nullptr;
    }
    return &layers;
  }

 private:
  static constexpr size_t kBytes = 64;

  [[gnu::always_inline]] bool matches(const uint8_t* bytes) const {
    const auto differs = [&](size_t at) {
      const auto block = [at](const uint8_t* from) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at));
      };
      const __m256i differing = _mm256_xor_si256(block(bytes), block(value_.data()));
      return _mm256_testz_si256(differing, block(mask_.data())) == 0;
    };
    return !differs(0) && !differs(kBytes / 2);
  }

  alignas(32) std::array<uint8_t, kBytes> value_{};
  alignas(32) std::array<uint8_t, kBytes> mask_{};
};

}  // namespace butterfly::wire
