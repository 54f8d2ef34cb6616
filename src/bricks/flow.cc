// SPDX-License-Identifier: Apache-2.0
#include "bricks/flow.h"

#include <cstdio>

namespace butterfly {

// What its sender left to the device, and what comes after such a packet: it must not overtake it.
[[gnu::always_inline]] inline bool FlowLookup::goes_by_offload(const Packet& packet) noexcept {
  const uint64_t flow = uint64_t{1} << (packet.flow_hash & 63);
  if (packet.requests_offload()) [[unlikely]]
    unfinished_ |= flow;
  return (unfinished_ & flow) != 0;
}

[[gnu::always_inline]] inline FlowLookup::Out FlowLookup::way_of(Packet& packet,
                                                                 const wire::FlowId& id,
                                                                 Flow* guess) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (packet.flow_hash == 0) return walk(packet, nullptr);
  Flow* flow = flows_.find_from(guess, id, packet.flow_hash, lcore_.now());
  if (!flow) return walk(packet, flow);
  if (parsed.kind != wire::FrameKind::flow) {
    // Fragments walk; nothing of their flow may overtake them. An ICMP error is not of its flow.
    if (parsed.kind != wire::FrameKind::icmp_error) shortcut_.leave(packet, *flow);
    return walk(packet, flow);
  }
  // A traced packet walks, so that its trace says what each brick makes of it.
  if (packet.trace_slot != 0) {
    shortcut_.leave(packet, *flow);
    return walk(packet, flow);
  }
  if (!shortcut_.take(packet, *flow)) return walk(packet, flow);
  const bool is_to_wire = packet.out_port == kUplinkPort;
  if (goes_by_offload(packet)) [[unlikely]]
    return is_to_wire ? Out::unfinished_to_wire : Out::unfinished_to_guest;
  return is_to_wire ? Out::to_wire : Out::to_guest;
}

template <bool kAlone>
void FlowLookup::look_up(std::span<Packet* const> burst) noexcept {
  const wire::FlowHasher& hasher = flows_.hasher();
  std::array<wire::FlowId, kBurst> ids;
  std::array<const void*, kBurst> fetched;
  std::array<Flow*, kBurst> flows;
  std::array<Packet*, kBurst> ours;
  size_t count = 0;
  shortcut_.begin_burst();
  for (Packet* packet : burst) {
    const wire::Parsed& parsed = packet->parsed;
    const bool has_key = wire::has_key(parsed.kind);
    ids[count] = has_key ? hasher.id_of(parsed.key, parsed.family) : wire::FlowId{};
    const uint32_t hash = hasher.hash_of(ids[count]);
    packet->flow_hash = has_key ? hash : 0;
    if constexpr (kAlone) {
      fetched[count++] = flows_.fetch(hash);
    } else {
      // The next packet takes the place of one that is not ours.
      packet->way = static_cast<uint8_t>(Out::elsewhere);
      ours[count] = packet;
      count += is_ours(*packet);
    }
  }
  if constexpr (!kAlone) {
    for (size_t i = 0; i < count; ++i) fetched[i] = flows_.fetch(ours[i]->flow_hash);
  }
  Packet* const* const packets = kAlone ? burst.data() : ours.data();
  for (size_t i = 0; i < count; ++i) flows[i] = flows_.guess(fetched[i], packets[i]->flow_hash);
  for (size_t i = 0; i < count; ++i) {
    packets[i]->way = static_cast<uint8_t>(way_of(*packets[i], ids[i], flows[i]));
  }
}
template void FlowLookup::look_up<true>(std::span<Packet* const>) noexcept;
template void FlowLookup::look_up<false>(std::span<Packet* const>) noexcept;

FlowLookup::Out FlowLookup::walk(Packet& packet, Flow* flow) noexcept {
  packet.flow = flow;
  packet.verdicts = 0;
  return packet.in_port == kUplinkPort ? Out::from_wire : Out::from_guest;
}

FlowLookup::Trace FlowLookup::note(const Packet& packet) {
  return {packet.flow_hash, packet.flow != nullptr,
          packet.flow ? packet.flow->tcp.state : tcp::State::none};
}

std::string FlowLookup::format(const Trace& trace) {
  if (trace.hash == 0) return "no flow key";
  char text[64];
  std::snprintf(text, sizeof text, "hash %08x, %s", trace.hash, trace.found ? "known" : "new");
  return text;
}

}  // namespace butterfly
