// SPDX-License-Identifier: Apache-2.0
// Reads an Ethernet frame up to its upper-layer header, checking every length on the way.
// Sources: RFC 791, 8200 §4, 6946, 5095, 7112, 768, 9293, 792, 4443, 1122 §3.2.2.
#pragma once

#include <cstdint>
#include <span>

#include "wire/parse_lean.h"
#include "wire/parsed.h"

namespace butterfly::wire {

// Every shape of frame. Pure; any thread.
ParseError parse_general(std::span<const uint8_t> head, uint32_t frame_length, Vni vni,
                         Parsed& parsed, bool drop_options = false);

// Parses `head`, the first bytes of a frame of `frame_length` bytes (more than head.size() when
// the rest lies in further segments; headers must lie within `head`). `vni` goes into the key.
// `drop_options`: IPv4 options are an error, else only source routes and malformed ones are.
// On an error `parsed` is unspecified, but for what is no fault (parsed.h). Pure; any thread.
// REQUIRES: frame_length >= head.size().
[[gnu::always_inline]] inline ParseError parse_frame(std::span<const uint8_t> head,
                                                     uint32_t frame_length, Vni vni, Parsed& parsed,
                                                     bool drop_options = false) {
  if (parse_lean(head, frame_length, vni, parsed)) [[likely]]
    return ParseError::none;
  return parse_general(head, frame_length, vni, parsed, drop_options);
}

}  // namespace butterfly::wire
