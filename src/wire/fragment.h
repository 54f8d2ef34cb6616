// SPDX-License-Identifier: Apache-2.0
// Which datagram a fragment belongs to, and where in it. Sources: RFC 791 §3.2, 8200 §4.5, 5722.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "wire/parsed.h"

namespace butterfly::wire {

// What all fragments of one datagram share. IPv4: the protocol counts, IPv6: it does not, since
// only the first one names it (RFC 8200 §4.5).
struct FragmentId {
  std::array<uint64_t, 6> words{};  // addresses (4); identification, protocol, family; place, VNI

  friend bool operator==(const FragmentId&, const FragmentId&) = default;
};

// The part of the datagram that a fragment carries, in bytes of what was cut.
struct FragmentPart {
  uint32_t begin = 0;
  uint32_t length = 0;  // above 0; a multiple of 8 unless it is the last
  bool is_last = false;

  uint32_t end() const { return begin + length; }
};

struct FragmentFacts {
  FragmentId id;
  FragmentPart part;
};

// REQUIRES: the frame that was parsed into `parsed` with ParseError::fragment. `place` tells
// senders apart that no address does: where the packet came from. Pure; any thread.
inline FragmentFacts read_fragment_facts(std::span<const uint8_t> bytes, const Parsed& parsed,
                                         uint32_t place) {
  FragmentFacts facts;
  auto& words = facts.id.words;
  words[5] = uint64_t{place} << 32 | vni_of(parsed.key, parsed.family).value;
  const uint32_t end = uint32_t{parsed.l4} + parsed.l4_length;
  if (parsed.family == Family::v4) {
    const auto& ip = *view_at<Ipv4Header>(bytes, parsed.l3);
    words[0] = load_raw<uint32_t>(reinterpret_cast<const uint8_t*>(&ip.source));
    words[2] = load_raw<uint32_t>(reinterpret_cast<const uint8_t*>(&ip.destination));
    words[4] = uint64_t{4} << 40 | uint64_t{ip.protocol} << 32 | static_cast<uint16_t>(ip.id);
    facts.part = {ip.fragment_offset(), parsed.l4_length, !ip.more_fragments()};
    return facts;
  }
  const auto& ip = *view_at<Ipv6Header>(bytes, parsed.l3);
  const auto& fragment = *view_at<Ipv6Fragment>(bytes, parsed.fragment);
  const auto* const source = reinterpret_cast<const uint8_t*>(&ip.source);
  const auto* const destination = reinterpret_cast<const uint8_t*>(&ip.destination);
  words[0] = load_raw<uint64_t>(source);
  words[1] = load_raw<uint64_t>(source + 8);
  words[2] = load_raw<uint64_t>(destination);
  words[3] = load_raw<uint64_t>(destination + 8);
  words[4] = uint64_t{6} << 40 | static_cast<uint32_t>(fragment.id);
  const auto begin = static_cast<uint32_t>(parsed.fragment + sizeof(Ipv6Fragment));
  facts.part = {fragment.offset(), end - begin, !fragment.more_fragments()};
  return facts;
}

}  // namespace butterfly::wire
