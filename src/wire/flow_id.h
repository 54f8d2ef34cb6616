// SPDX-License-Identifier: Apache-2.0
// What a flow is known by in tables: 16 bytes for either family, so that an entry is one cache
// line. Sources: McGrew and Viega, "The Galois/Counter Mode" (2004), for the polynomial; Carter and
// Wegman (1979) for what it promises.
#pragma once

#include <wmmintrin.h>

#include <cstdint>

#include "wire/flow_key.h"

namespace butterfly::wire {

// IPv4: the key itself. IPv6: a digest of it, by a polynomial over GF(2^128) at a secret point. Two
// keys share a digest with a chance of 2^-127, whoever chose them without knowing the point: among
// four million flows that is one in 2^84.
struct alignas(16) FlowId {
  uint64_t words[2];

  friend bool operator==(const FlowId& a, const FlowId& b) {
    return ((a.words[0] ^ b.words[0]) | (a.words[1] ^ b.words[1])) == 0;
  }
};

// Makes ids and hashes from a seed; equal seeds make equal ones. Any thread.
class FlowHasher {
 public:
  explicit FlowHasher(const HashSeed& seed);

  // Both directions of a flow have one id. `family` is that of the key.
  [[gnu::always_inline]] FlowId id_of(const FlowKey& key, Family family) const {
    if (family == Family::v4) [[likely]]
      return {{key.words[0], key.words[1]}};
    return digest(key);
  }
  // AES rounds: not linear, so colliding flows cannot be made without the seed. Never 0: one bit
  // is always set, that no use of the hash rests on.
  [[gnu::always_inline]] uint32_t hash_of(const FlowId& id) const {
    return hash_words(id.words, seed_) | 0x8000;
  }

 private:
  // With low address l, high address h, tail t and point p: l p^3 + h p^2 + t p.
  FlowId digest(const FlowKey& key) const {
    const auto* words = reinterpret_cast<const __m128i*>(key.words);
    Product sum{};
    sum.add(_mm_loadu_si128(words), powers_[2]);
    sum.add(_mm_loadu_si128(words + 1), powers_[1]);
    sum.add(_mm_cvtsi64_si128(static_cast<long long>(key.words[4])), powers_[0]);
    FlowId id;
    _mm_store_si128(reinterpret_cast<__m128i*>(id.words), sum.reduced());
    return id;
  }

  // A sum of products of polynomials over GF(2), 256 bits wide, carries nowhere.
  struct Product {
    __m128i low = _mm_setzero_si128();
    __m128i middle = _mm_setzero_si128();
    __m128i high = _mm_setzero_si128();

    [[gnu::always_inline]] void add(__m128i a, __m128i b) {
      low = _mm_xor_si128(low, _mm_clmulepi64_si128(a, b, 0x00));
      high = _mm_xor_si128(high, _mm_clmulepi64_si128(a, b, 0x11));
      middle = _mm_xor_si128(middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01),
                                                   _mm_clmulepi64_si128(a, b, 0x10)));
    }
    // Modulo x^128 + x^7 + x^2 + x + 1: what lies above 128 bits comes back times 0x87, the upper
    // half of it first.
    [[gnu::always_inline]] __m128i reduced() const {
      const __m128i rest = _mm_cvtsi64_si128(0x87);
      __m128i down = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
      __m128i up = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
      const __m128i top = _mm_clmulepi64_si128(up, rest, 0x01);
      down = _mm_xor_si128(down, _mm_slli_si128(top, 8));
      up = _mm_xor_si128(up, _mm_srli_si128(top, 8));
      return _mm_xor_si128(down, _mm_clmulepi64_si128(up, rest, 0x00));
    }
  };

  HashSeed seed_;
  __m128i powers_[3];  // of the point: itself, squared, cubed
};

}  // namespace butterfly::wire
