// SPDX-License-Identifier: Apache-2.0
#include "wire/frame_summary.h"

#include "wire/headers.h"

namespace butterfly::wire {
namespace {

constexpr int kMaxExtensions = 8;  // as parse.cc

void read_transport(std::span<const uint8_t> head, size_t offset, FrameSummary& summary) {
  const uint8_t protocol = *summary.protocol;
  if (protocol == kProtoTcp || protocol == kProtoUdp || protocol == kProtoSctp) {
    // All three begin with their ports.
    const auto* source = view_at<be16>(head, offset);
    const auto* destination = view_at<be16>(head, offset + sizeof(be16));
    if (!source || !destination) return;
    summary.source_port = *source;
    summary.destination_port = *destination;
  } else if (protocol == (summary.family == Family::v4 ? kProtoIcmp : kProtoIcmpv6)) {
    const auto* icmp = view_at<IcmpHeader>(head, offset);
    if (!icmp) return;
    summary.icmp_type = icmp->type;
    summary.icmp_code = icmp->code;
  }
}

void read_ipv4(std::span<const uint8_t> head, size_t offset, FrameSummary& summary) {
  const auto* ip = view_at<Ipv4Header>(head, offset);
  if (!ip || ip->version() != 4) return;
  summary.family = Family::v4;
  summary.source = ip->source;
  summary.destination = ip->destination;
  summary.protocol = ip->protocol;
  if (ip->fragment_offset() == 0) read_transport(head, offset + ip->header_length(), summary);
}

bool is_extension(uint8_t header) {
  return header == kProtoHopByHop || header == kProtoRouting || header == kProtoDestOptions ||
         header == kProtoAh;
}
// In bytes; of AH: RFC 4302 §2.2.
size_t length_of(const Ipv6Extension& extension, uint8_t header) {
  return header == kProtoAh ? (size_t{extension.length} + 2) * 4
                            : (size_t{extension.length} + 1) * 8;
}

void read_ipv6(std::span<const uint8_t> head, size_t offset, FrameSummary& summary) {
  const auto* ip = view_at<Ipv6Header>(head, offset);
  if (!ip || ip->version() != 6) return;
  summary.family = Family::v6;
  summary.source = ip->source;
  summary.destination = ip->destination;
  summary.protocol = ip->next_header;
  offset += sizeof *ip;
  for (int i = 0; i <= kMaxExtensions; ++i) {
    if (summary.protocol == kProtoFragment) {
      const auto* fragment = view_at<Ipv6Fragment>(head, offset);
      if (!fragment) return;
      summary.protocol = fragment->next_header;
      if (fragment->offset() != 0) return;
      offset += sizeof *fragment;
    } else if (is_extension(*summary.protocol)) {
      const auto* extension = view_at<Ipv6Extension>(head, offset);
      if (!extension) return;
      offset += length_of(*extension, *summary.protocol);
      summary.protocol = extension->next_header;
    } else {
      return read_transport(head, offset, summary);
    }
  }
}

void read_arp(std::span<const uint8_t> head, size_t offset, FrameSummary& summary) {
  const auto* arp = view_at<ArpHeader>(head, offset);
  if (!arp || !arp->is_ipv4_over_ethernet()) return;
  summary.source = arp->sender_ip;
  summary.destination = arp->target_ip;
}

}  // namespace

FrameSummary summarize(std::span<const uint8_t> head) {
  FrameSummary summary;
  const auto* ethernet = view_at<EthernetHeader>(head, 0);
  if (!ethernet) return summary;
  summary.source_mac = ethernet->source;
  summary.destination_mac = ethernet->destination;
  summary.ethertype = ethernet->type;
  if (summary.ethertype == kTypeIpv4) read_ipv4(head, kEthernetHeaderLen, summary);
  if (summary.ethertype == kTypeIpv6) read_ipv6(head, kEthernetHeaderLen, summary);
  if (summary.ethertype == kTypeArp) read_arp(head, kEthernetHeaderLen, summary);
  return summary;
}

}  // namespace butterfly::wire
