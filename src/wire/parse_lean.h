// SPDX-License-Identifier: Apache-2.0
// The common frame read in a few loads: untagged IPv4 without options or fragment that carries TCP
// or UDP (RFC 791, 9293, 768). Anything else, sound or not, is left to the general parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "wire/parsed.h"

namespace butterfly::wire {

namespace lean {

template <typename T>
[[gnu::always_inline]] inline T load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Offsets from the start of the frame.
inline constexpr size_t kL3 = kEthernetHeaderLen;
inline constexpr size_t kL4 = kL3 + sizeof(Ipv4Header);
inline constexpr size_t kShortest = kL4 + sizeof(UdpHeader);

// Whether the lengths that the upper-layer header states fit; `l4_length` is what IP states.
[[gnu::always_inline]] inline bool transport_fits(std::span<const uint8_t> head, uint8_t protocol,
                                                  uint32_t l4_length) {
  const uint8_t* l4 = head.data() + kL4;
  if (protocol == kProtoTcp) {
    if (head.size() < kL4 + sizeof(TcpHeader)) return false;
    const uint32_t header = static_cast<uint32_t>(l4[12] >> 4) * 4;
    return header >= sizeof(TcpHeader) && header <= l4_length && kL4 + header <= head.size();
  }
  const uint32_t stated = __builtin_bswap16(load<uint16_t>(l4 + 4));
  return protocol == kProtoUdp && stated >= sizeof(UdpHeader) && stated <= l4_length;
}

// Writes the facts as two words: storing them field by field costs as much as parsing.
[[gnu::always_inline]] inline void store_facts(Parsed& parsed, uint8_t protocol,
                                               bool source_is_high, uint32_t l4_length) {
  static_assert(offsetof(Parsed, kind) == 0 && offsetof(Parsed, family) == 1 &&
                offsetof(Parsed, protocol) == 2 && offsetof(Parsed, icmp_type) == 3 &&
                offsetof(Parsed, source_is_high) == 4 && offsetof(Parsed, starts_flow) == 5 &&
                offsetof(Parsed, ethertype) == 6 && offsetof(Parsed, l3) == 8 &&
                offsetof(Parsed, l4) == 10 && offsetof(Parsed, l4_length) == 12 &&
                offsetof(Parsed, key) == 16);
  constexpr uint64_t kSame = static_cast<uint64_t>(FrameKind::flow) |
                             static_cast<uint64_t>(Family::v4) << 8 | 1ull << 40 |
                             static_cast<uint64_t>(kTypeIpv4) << 48;
  const uint64_t first =
      kSame | static_cast<uint64_t>(protocol) << 16 | static_cast<uint64_t>(source_is_high) << 32;
  const uint64_t second = kL3 | kL4 << 16 | static_cast<uint64_t>(l4_length) << 32;
  uint8_t* const target = reinterpret_cast<uint8_t*>(&parsed);
  std::memcpy(target, &first, sizeof first);
  std::memcpy(target + sizeof first, &second, sizeof second);
}

}  // namespace lean

// True when the frame has the common shape: `parsed` is then filled as parse_general() would.
[[gnu::always_inline]] inline bool parse_lean(std::span<const uint8_t> head, uint32_t frame_length,
                                              Vni vni, Parsed& parsed) {
  using lean::load;
  if (head.size() < lean::kShortest) return false;
  const uint8_t* const bytes = head.data();
  // EtherType, then version and header length; the fourth byte is the type of service.
  if ((load<uint32_t>(bytes + 12) & 0x00ff'ffff) != 0x0045'0008) return false;
  // Total length, id, flags and fragment offset, TTL, protocol.
  const uint64_t middle = load<uint64_t>(bytes + 16);
  if ((middle & 0x0000'ff3f'0000'0000) != 0) return false;  // more fragments, or an offset
  const uint32_t total = __builtin_bswap16(static_cast<uint16_t>(middle));
  const uint8_t protocol = static_cast<uint8_t>(middle >> 56);
  if (total < sizeof(Ipv4Header) + sizeof(UdpHeader) || total > frame_length - lean::kL3) {
    return false;
  }
  const uint32_t l4_length = total - static_cast<uint32_t>(sizeof(Ipv4Header));
  if (!lean::transport_fits(head, protocol, l4_length)) return false;

  const uint64_t addresses = load<uint64_t>(bytes + 26);
  const uint32_t source = __builtin_bswap32(static_cast<uint32_t>(addresses));
  const uint32_t destination = __builtin_bswap32(static_cast<uint32_t>(addresses >> 32));
  if (source >> 28 == 0xe || source == 0xffff'ffff) return false;  // groups send nothing
  const uint32_t swapped = __builtin_bswap32(load<uint32_t>(bytes + lean::kL4));
  const uint32_t ports = swapped >> 16 | swapped << 16;  // the source's in the low half
  const bool source_is_high = (static_cast<uint64_t>(destination) << 16 | ports >> 16) <
                              (static_cast<uint64_t>(source) << 16 | (ports & 0xffff));
  parsed.key.words[0] = source_is_high ? addresses >> 32 | addresses << 32 : addresses;
  parsed.key.words[1] = (source_is_high ? swapped : ports) | static_cast<uint64_t>(protocol) << 32 |
                        static_cast<uint64_t>(vni.value) << 40;
  lean::store_facts(parsed, protocol, source_is_high, l4_length);
  return true;
}

}  // namespace butterfly::wire
