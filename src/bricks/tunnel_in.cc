// SPDX-License-Identifier: Apache-2.0
#include "bricks/tunnel_in.h"

namespace butterfly {

std::string TunnelIn::format(const Trace& trace) {
  if (trace.source.is_zero()) return {};
  return "VNI " + std::to_string(trace.vni.value) + " from " + trace.source.to_string();
}

const TunnelIn::Seen* TunnelIn::look_up(const IpAddress& source, Vni vni, uint64_t key) noexcept {
  const Peer* peer = peers_.find(source);
  const Segment* segment = segments_.find(vni);
  // A stranger is not remembered: it must not push a peer out.
  if (!peer || !segment || !segment->admits(peer->id)) return nullptr;
  Seen& seen = seen_[slot_of(key)];
  seen.key = key;
  seen.source = source;
  seen.origin = origin_of(segment->index, peer->id);
  seen.segment = segment->index;
  seen.peer = peer->id;
  return &seen;
}

}  // namespace butterfly
