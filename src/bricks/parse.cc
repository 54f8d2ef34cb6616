// SPDX-License-Identifier: Apache-2.0
#include "bricks/parse.h"

#include <cstdio>

namespace butterfly {

Parse::Trace Parse::note_of(const wire::Parsed& parsed) {
  Trace trace{};
  trace.ethertype = parsed.ethertype;
  trace.kind = parsed.kind;
  trace.is_parsed = true;
  if (parsed.kind == wire::FrameKind::non_ip || parsed.kind == wire::FrameKind::arp) return trace;
  trace.family = parsed.family;
  trace.protocol = parsed.protocol;
  trace.icmp_type = parsed.icmp_type;
  if (parsed.kind == wire::FrameKind::signalling) return trace;
  trace.key = parsed.key;
  trace.source_is_high = parsed.source_is_high;
  return trace;
}

std::string Parse::format(const Trace& trace) {
  if (!trace.is_parsed) return {};
  const std::string icmp = std::string(trace.family == wire::Family::v4 ? "icmp" : "icmpv6") +
                           " type " + std::to_string(trace.icmp_type);
  const auto tuple = [&trace] {
    return to_string(wire::five_tuple_of(trace.key, trace.family, trace.source_is_high));
  };
  switch (trace.kind) {
    case wire::FrameKind::arp:
      return "arp";
    case wire::FrameKind::flow:
      return tuple();
    case wire::FrameKind::first_fragment:
      return "first fragment of " + tuple();
    case wire::FrameKind::later_fragment:
      return "fragment of " + tuple();
    case wire::FrameKind::icmp_error:
      return icmp + " about " + tuple();
    case wire::FrameKind::signalling:
      return icmp;
    case wire::FrameKind::non_ip:
      break;
  }
  char text[24];
  std::snprintf(text, sizeof text, "ethertype 0x%04x", trace.ethertype);
  return text;
}

}  // namespace butterfly
