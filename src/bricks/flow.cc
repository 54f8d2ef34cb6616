// SPDX-License-Identifier: Apache-2.0
#include "bricks/flow.h"

#include <cstdio>

namespace butterfly {

void FlowLookup::prepare(std::span<Packet* const> burst) noexcept {
  static_assert(FlowTable::kMaxQueries >= kBurst);
  std::array<FlowTable::Query, kBurst> queries;
  std::array<Packet*, kBurst> askers;
  std::array<Flow*, kBurst> found;
  size_t count = 0;
  shortcut_.begin_burst();
  for (Packet* packet : burst) {
    const wire::Parsed& parsed = packet->parsed;
    packet->flow = nullptr;
    packet->flow_hash = 0;
    packet->verdicts = 0;
    if (parsed.kind != wire::FrameKind::flow && parsed.kind != wire::FrameKind::icmp_error) {
      continue;
    }
    const uint32_t hash = wire::hash_flow_key(parsed.key, parsed.family, seed_);
    packet->flow_hash = hash == 0 ? 1 : hash;
    if (!is_ours(*packet)) continue;
    queries[count] = {&parsed.key, parsed.family, packet->flow_hash};
    askers[count++] = packet;
  }
  flows_.find_burst(std::span(queries.data(), count), lcore_.now(), std::span(found.data(), count));
  for (size_t i = 0; i < count; ++i) askers[i]->flow = found[i];
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
