// SPDX-License-Identifier: Apache-2.0
#include "support/unfinished.h"

#include "wire/checksum.h"
#include "wire/parse.h"

namespace butterfly::test {
namespace {

template <typename Ip>
uint16_t seed(std::span<const uint8_t> frame, const wire::Parsed& parsed) {
  const auto* ip = wire::view_at<Ip>(frame, parsed.l3);
  const uint64_t sum =
      wire::pseudo_header_sum(ip->source, ip->destination, parsed.protocol, parsed.l4_length);
  return static_cast<uint16_t>(~wire::checksum_finish(sum));
}

}  // namespace

std::vector<uint8_t> unfinished(std::vector<uint8_t> frame) {
  const std::span bytes(frame);
  wire::Parsed parsed{};
  const auto length = static_cast<uint32_t>(frame.size());
  if (wire::parse_frame(bytes, length, Vni{0}, parsed) != wire::ParseError::none ||
      parsed.kind != wire::FrameKind::flow) {
    return frame;
  }
  const uint16_t sum = parsed.family == wire::Family::v4 ? seed<wire::Ipv4Header>(bytes, parsed)
                                                         : seed<wire::Ipv6Header>(bytes, parsed);
  if (parsed.protocol == wire::kProtoTcp) {
    wire::view_at<wire::TcpHeader>(bytes, parsed.l4)->checksum = sum;
  } else if (parsed.protocol == wire::kProtoUdp) {
    wire::view_at<wire::UdpHeader>(bytes, parsed.l4)->checksum = sum;
  }
  return frame;
}

}  // namespace butterfly::test
