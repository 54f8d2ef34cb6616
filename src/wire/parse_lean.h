// SPDX-License-Identifier: Apache-2.0
// The common frames read in a few loads: untagged IPv4 without options or fragment, and IPv6
// without extension headers, that carry TCP or UDP (RFC 791, 8200, 9293, 768). Anything else, sound
// or not, is left to the general parser; so is what is sound but seldom and would cost a compare:
// IPv4 from above 240.0.0.0, IPv6 from or to ::/64, and packets that a host sends to itself.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/parsed.h"

namespace butterfly::wire {

namespace lean {

// Offsets from the start of the frame.
inline constexpr size_t kL3 = kEthernetHeaderLen;
template <Family kFamily>
inline constexpr size_t kL4 = kL3 +
                              (kFamily == Family::v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));

[[gnu::always_inline]] inline uint32_t load_be16(const uint8_t* from) {
  return __builtin_bswap16(load_raw<uint16_t>(from));
}
[[gnu::always_inline]] inline __m128i load_block(const uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

// Sixteen bytes of a frame of which some are the same in all frames of a kind.
struct Pattern {
  alignas(16) std::array<uint8_t, 16> mask;
  alignas(16) std::array<uint8_t, 16> value;

  [[gnu::always_inline]] bool matches(const uint8_t* bytes) const {
    const __m128i differs = _mm_xor_si128(load_block(bytes), load_block(value.data()));
    return _mm_testz_si128(differs, load_block(mask.data())) != 0;
  }
};

// EtherType, version and header length, no fragment (bytes 12 to 27 of the frame).
inline constexpr Pattern kIpv4{{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0x3f, 0xff}, {0x08, 0x00, 0x45}};
// EtherType and version.
inline constexpr Pattern kIpv6{{0xff, 0xff, 0xf0}, {0x86, 0xdd, 0x60}};

// The facts that are the same for all flows of a family but for protocol and direction: the head of
// Parsed, up to the key.
template <Family kFamily, uint8_t kProtocol>
consteval std::array<std::array<uint8_t, 16>, 2> facts_of() {
  std::array<std::array<uint8_t, 16>, 2> facts{};
  for (uint8_t source_is_high = 0; source_is_high < 2; ++source_is_high) {
    constexpr uint16_t kType = kFamily == Family::v4 ? kTypeIpv4 : kTypeIpv6;
    facts[source_is_high] = {static_cast<uint8_t>(FrameKind::flow),
                             static_cast<uint8_t>(kFamily),
                             kProtocol,
                             0,
                             source_is_high,
                             1,
                             kType & 0xff,
                             kType >> 8,
                             kL3,
                             0,
                             kL4<kFamily>};
  }
  return facts;
}
static_assert(offsetof(Parsed, kind) == 0 && offsetof(Parsed, family) == 1 &&
              offsetof(Parsed, protocol) == 2 && offsetof(Parsed, icmp_type) == 3 &&
              offsetof(Parsed, source_is_high) == 4 && offsetof(Parsed, starts_flow) == 5 &&
              offsetof(Parsed, ethertype) == 6 && offsetof(Parsed, l3) == 8 &&
              offsetof(Parsed, l4) == 10 && offsetof(Parsed, l4_length) == 12 &&
              offsetof(Parsed, key) == 16);

// In one store: field by field it costs as much as parsing.
template <Family kFamily, uint8_t kProtocol>
[[gnu::always_inline]] inline void store_facts(Parsed& parsed, bool source_is_high,
                                               uint32_t l4_length) {
  alignas(16) static constexpr auto kFacts = facts_of<kFamily, kProtocol>();
  // As wide as the instruction takes it: without optimisation it is a macro.
  const __m128i same = load_block(kFacts[source_is_high].data());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&parsed),
                   _mm_insert_epi16(same, static_cast<int16_t>(l4_length), 6));
}

// Upper half of the key's tail: protocol and VNI.
template <uint8_t kProtocol>
[[gnu::always_inline]] inline uint32_t tail_of(Vni vni) {
  return vni.value << 8 | kProtocol;
}

// True unless the addresses are left to the general parser. In memory a frame's two addresses,
// two ports and four further bytes are the key but for byte order and direction.
template <uint8_t kProtocol>
[[gnu::always_inline]] inline bool fill_v4(const uint8_t* bytes, Vni vni, uint32_t l4_length,
                                           Parsed& parsed) {
  alignas(16) static constexpr std::array<std::array<uint8_t, 16>, 2> kOrder{
      {{0, 1, 2, 3, 4, 5, 6, 7, 9, 8, 11, 10, 12, 13, 14, 15},
       {4, 5, 6, 7, 0, 1, 2, 3, 11, 10, 9, 8, 12, 13, 14, 15}}};
  const uint8_t* const ends = bytes + kL3 + offsetof(Ipv4Header, source);
  const uint64_t sent = __builtin_bswap64(load_raw<uint64_t>(ends));
  const uint64_t replied = sent << 32 | sent >> 32;
  if (sent == replied || sent >= 0xe000'0000'0000'0000) return false;
  const bool source_is_high = replied < sent;
  const __m128i tuple =
      _mm_insert_epi32(load_block(ends), static_cast<int>(tail_of<kProtocol>(vni)), 3);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&parsed.key.words[0]),
                   _mm_shuffle_epi8(tuple, load_block(kOrder[source_is_high].data())));
  store_facts<Family::v4, kProtocol>(parsed, source_is_high, l4_length);
  return true;
}

// As above. An IPv4-mapped address, which the general parser refuses, begins with eight zeros.
template <uint8_t kProtocol>
[[gnu::always_inline]] inline bool fill_v6(const uint8_t* bytes, Vni vni, uint32_t l4_length,
                                           Parsed& parsed) {
  const uint8_t* const source = bytes + kL3 + offsetof(Ipv6Header, source);
  const uint8_t* const destination = source + sizeof(Ipv6);
  const uint64_t net = load_raw<uint64_t>(source);
  if (net == 0 || load_raw<uint64_t>(destination) == 0 || source[0] == 0xff) return false;
  const auto number = [](const uint8_t* address) {
    return static_cast<unsigned __int128>(__builtin_bswap64(load_raw<uint64_t>(address))) << 64 |
           __builtin_bswap64(load_raw<uint64_t>(address + 8));
  };
  if (number(source) == number(destination)) return false;
  const bool source_is_high = number(destination) < number(source);
  const size_t turn = source_is_high ? sizeof(Ipv6) : 0;
  const uint32_t ports = __builtin_bswap32(load_raw<uint32_t>(destination + sizeof(Ipv6)));
  __m128i* const key = reinterpret_cast<__m128i*>(&parsed.key.words[0]);
  _mm_storeu_si128(key, load_block(source + turn));
  _mm_storeu_si128(key + 1, load_block(destination - turn));
  parsed.key.words[4] = (source_is_high ? ports : ports << 16 | ports >> 16) |
                        static_cast<uint64_t>(tail_of<kProtocol>(vni)) << 32;
  store_facts<Family::v6, kProtocol>(parsed, source_is_high, l4_length);
  return true;
}

template <Family kFamily, uint8_t kProtocol>
[[gnu::always_inline]] inline bool fill(const uint8_t* bytes, Vni vni, uint32_t l4_length,
                                        Parsed& parsed) {
  if constexpr (kFamily == Family::v4)
    return fill_v4<kProtocol>(bytes, vni, l4_length, parsed);
  else
    return fill_v6<kProtocol>(bytes, vni, l4_length, parsed);
}

// The upper-layer header at `l4`, whole in its first 8 bytes; `l4_length` is what IP states.
template <Family kFamily>
[[gnu::always_inline]] inline bool read_tcp(std::span<const uint8_t> head, size_t l4, Vni vni,
                                            uint32_t l4_length, Parsed& parsed) {
  if (head.size() < l4 + sizeof(TcpHeader)) return false;
  const uint32_t length = head[l4 + offsetof(TcpHeader, data_offset)] >> 4 << 2;
  if (length < sizeof(TcpHeader) || length > l4_length || l4 + length > head.size()) return false;
  return fill<kFamily, kProtoTcp>(head.data(), vni, l4_length, parsed);
}
template <Family kFamily>
[[gnu::always_inline]] inline bool read_udp(std::span<const uint8_t> head, size_t l4, Vni vni,
                                            uint32_t l4_length, Parsed& parsed) {
  const uint32_t length = load_be16(&head[l4 + offsetof(UdpHeader, length)]);
  if (length < sizeof(UdpHeader) || length > l4_length) return false;
  return fill<kFamily, kProtoUdp>(head.data(), vni, l4_length, parsed);
}

// A frame whose EtherType and IP header are of the common shape.
template <Family kFamily>
[[gnu::always_inline]] inline bool read_ip(std::span<const uint8_t> head, uint32_t frame_length,
                                           Vni vni, Parsed& parsed) {
  constexpr bool kIsV4 = kFamily == Family::v4;
  constexpr size_t kShortest = kL4<kFamily> + sizeof(UdpHeader);
  if (!kIsV4 && head.size() < kShortest) return false;
  const uint8_t* const l3 = head.data() + kL3;
  const uint32_t l4_length =
      kIsV4 ? load_be16(l3 + offsetof(Ipv4Header, total_length)) - uint32_t{sizeof(Ipv4Header)}
            : load_be16(l3 + offsetof(Ipv6Header, payload_length));
  // At least a UDP header, at most what the frame holds: what is too short wraps.
  if (l4_length - sizeof(UdpHeader) > frame_length - kShortest) return false;
  const uint8_t protocol =
      l3[kIsV4 ? offsetof(Ipv4Header, protocol) : offsetof(Ipv6Header, next_header)];
  if (protocol == kProtoTcp) [[likely]] {
    return read_tcp<kFamily>(head, kL4<kFamily>, vni, l4_length, parsed);
  }
  return protocol == kProtoUdp && read_udp<kFamily>(head, kL4<kFamily>, vni, l4_length, parsed);
}

}  // namespace lean

// True when the frame has a common shape: `parsed` is then filled as parse_general() would.
[[gnu::always_inline]] inline bool parse_lean(std::span<const uint8_t> head, uint32_t frame_length,
                                              Vni vni, Parsed& parsed) {
  if (head.size() < lean::kL4<Family::v4> + sizeof(UdpHeader)) return false;
  const uint8_t* const type = head.data() + offsetof(EthernetHeader, type);
  if (lean::kIpv4.matches(type)) [[likely]] {
    return lean::read_ip<Family::v4>(head, frame_length, vni, parsed);
  }
  return lean::kIpv6.matches(type) && lean::read_ip<Family::v6>(head, frame_length, vni, parsed);
}

}  // namespace butterfly::wire
