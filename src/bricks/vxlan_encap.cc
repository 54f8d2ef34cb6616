// SPDX-License-Identifier: Apache-2.0
#include "bricks/vxlan_encap.h"

namespace butterfly {

std::span<const uint8_t> VxlanEncap::second_segment(const Packet& packet) {
  const rte_mbuf* segment = &packet;
  while (segment->data_len == 0 && segment->next) segment = segment->next;
  return {rte_pktmbuf_mtod(segment, const uint8_t*), segment->data_len};
}

uint32_t VxlanEncap::hash_macs(const Packet& packet) {
  const auto* ethernet = wire::view_at<wire::EthernetHeader>(inner_head(packet), 0);
  if (!ethernet) return 0;
  const uint64_t both = ethernet->destination.to_u64() ^ ethernet->source.to_u64();
  return static_cast<uint32_t>((both * 0x9e3779b97f4a7c15ULL) >> 32);
}

std::string VxlanEncap::format(const Trace& trace) {
  return "VNI " + std::to_string(trace.vni.value) + " to " + trace.peer.to_string() +
         ", UDP source port " + std::to_string(trace.source_port);
}

}  // namespace butterfly
