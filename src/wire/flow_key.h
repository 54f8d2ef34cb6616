// SPDX-License-Identifier: Apache-2.0
// The key of a flow: segment, protocol and both endpoints, ordered so that the two directions of
// a connection share one key.
#pragma once

#include <wmmintrin.h>

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/ip.h"

namespace butterfly::wire {

enum class Family : uint8_t { v4 = 4, v6 = 6 };

// IPv4: words[0] = addresses, words[1] = tail, the rest unused (not compared, not hashed).
// IPv6: words[0..3] = addresses, words[4] = tail.
// Tail: low endpoint's port | high's port << 16 | protocol << 32 | VNI << 40.
// The low endpoint is the smaller (address, port) in network byte order.
// ICMP(v6), whose ports are no order: the id | (type of the query | 0x8000 when the high address
// asks) << 16. The id may be any number, a type's too, so the side that asks must be told apart.
struct FlowKey {
  uint64_t words[5];

  bool equals(const FlowKey& other, Family family) const {
    if (family == Family::v4)
      return ((words[0] ^ other.words[0]) | (words[1] ^ other.words[1])) == 0;
    return ((words[0] ^ other.words[0]) | (words[1] ^ other.words[1]) |
            (words[2] ^ other.words[2]) | (words[3] ^ other.words[3]) |
            (words[4] ^ other.words[4])) == 0;
  }
  uint64_t tail(Family family) const { return words[family == Family::v4 ? 1 : 4]; }
};
static_assert(sizeof(FlowKey) == 40);

// One end of a flow.
struct Endpoint {
  IpAddress address;
  // Host order, 0 where there is none. ICMP queries and their answers: the id at the asking end,
  // the type of the query at the answering end.
  uint16_t port = 0;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// What a key says, spelled out: for rule evaluation, listings and traces, not for the hit path.
struct FiveTuple {
  Endpoint source;
  Endpoint destination;
  uint8_t protocol = 0;
  bool is_answer = false;  // ICMP(v6) only: the destination is the asking end
};

// For people: "tcp 10.0.0.1:40000 > 10.0.0.2:80", "icmp 10.0.0.1 > 10.0.0.2 id 7",
// "udp [fd00::1]:53 > [fd00::2]:53", "protocol 47 10.0.0.1 > 10.0.0.2".
std::string to_string(const FiveTuple& tuple);

// Builds the key; `source_is_high` tells on which side the source of this packet fell.
FlowKey make_flow_key(const FiveTuple& tuple, Vni vni, bool& source_is_high);

// The five-tuple as sent by the low (`from_high` false) or by the high endpoint.
FiveTuple five_tuple_of(const FlowKey& key, Family family, bool from_high);

inline Vni vni_of(const FlowKey& key, Family family) {
  return Vni{static_cast<uint32_t>(key.tail(family) >> 40)};
}

struct HashSeed {
  uint64_t words[2];
};
// A seed that nobody outside can know, from the kernel. For the control side.
HashSeed random_hash_seed();
// A seeded hash (AES rounds: not linear, so colliding inputs cannot be made without the seed).
// REQUIRES a CPU with AES.
[[gnu::always_inline]] inline uint32_t hash_words(const uint64_t (&words)[2],
                                                  const HashSeed& seed) {
  const __m128i secret = _mm_loadu_si128(reinterpret_cast<const __m128i*>(seed.words));
  __m128i state = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
  state = _mm_aesenc_si128(_mm_xor_si128(state, secret), secret);
  state = _mm_aesenc_si128(state, secret);
  state = _mm_aesenc_si128(state, secret);
  return static_cast<uint32_t>(_mm_cvtsi128_si32(state));
}

}  // namespace butterfly::wire
