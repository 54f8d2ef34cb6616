// SPDX-License-Identifier: Apache-2.0
// Feeds hostile frames to wire::parse_frame: it may read nothing outside the bytes, what it accepts
// must lie inside the frame, and both of its ways must come to the same result. So must what is
// said of the frame in the log.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "wire/frame_summary.h"
#include "wire/parse.h"

namespace {

using namespace butterfly;        // NOLINT: a program of one page
using namespace butterfly::wire;  // NOLINT

constexpr Vni kVni{0xabcdef};

void require(bool fact, const char* sentence) {
  if (fact) return;
  std::fprintf(stderr, "broken: %s\n", sentence);
  std::abort();
}

void check_places(const Parsed& parsed, std::span<const uint8_t> head, uint32_t frame_length) {
  require(head.size() >= kEthernetHeaderLen, "an accepted frame has an Ethernet header");
  if (parsed.kind == FrameKind::non_ip || parsed.kind == FrameKind::arp) return;
  const size_t least = parsed.family == Family::v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  require(parsed.l4 >= parsed.l3 + least, "the upper layer follows the IP header");
  require(parsed.l4 <= head.size(), "the upper layer starts within the first segment");
  require(parsed.l4 + parsed.l4_length <= frame_length, "the packet ends within the frame");
  if (parsed.kind == FrameKind::signalling) return;
  require(vni_of(parsed.key, parsed.family) == kVni, "the key names the segment");
  const FiveTuple tuple = five_tuple_of(parsed.key, parsed.family, parsed.source_is_high);
  require(tuple.source.address.is_v4() == (parsed.family == Family::v4), "one family (source)");
  require(tuple.destination.address.is_v4() == (parsed.family == Family::v4),
          "one family (destination)");
  bool high = false;
  require(make_flow_key(tuple, kVni, high).equals(parsed.key, parsed.family),
          "the key and its five-tuple are one");
}

void compare(const FrameSummary& summary, const Parsed& parsed) {
  require(summary.ethertype == parsed.ethertype, "both see one EtherType");
  if (parsed.kind == FrameKind::non_ip || parsed.kind == FrameKind::arp) return;
  require(summary.family == parsed.family, "both see one family");
  require(summary.protocol == parsed.protocol, "both see one protocol");
}

void compare(const Parsed& lean, const Parsed& general) {
  require(lean.kind == general.kind && lean.family == general.family &&
              lean.protocol == general.protocol && lean.icmp_type == general.icmp_type &&
              lean.source_is_high == general.source_is_high &&
              lean.starts_flow == general.starts_flow && lean.ethertype == general.ethertype &&
              lean.l3 == general.l3 && lean.l4 == general.l4 &&
              lean.l4_length == general.l4_length && lean.key.equals(general.key, general.family),
          "the lean parser says what the general one says");
}

}  // namespace

// The first two bytes tell how much of the frame lies in further segments, the rest is its head.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // Exactly as large as the head, so that the address sanitizer sees a read past its end.
  const std::vector<uint8_t> head(data + 2, data + size);
  const uint32_t frame_length = static_cast<uint32_t>(head.size() + (data[0] << 8 | data[1]));
  Parsed general{};
  const ParseError error = parse_general(head, frame_length, kVni, general);
  if (error == ParseError::none) check_places(general, head, frame_length);
  const FrameSummary summary = summarize(head);
  if (error == ParseError::none) compare(summary, general);
  Parsed lean{};
  if (parse_lean(head, frame_length, kVni, lean)) {
    require(error == ParseError::none, "the lean parser accepts nothing more");
    compare(lean, general);
  }
  return 0;
}
