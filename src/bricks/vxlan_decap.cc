// SPDX-License-Identifier: Apache-2.0
#include "bricks/vxlan_decap.h"

namespace butterfly {

VxlanDecap::Out VxlanDecap::check(Vni vni, PeerId peer, Seen& seen) const noexcept {
  const Segment* segment = segments_.find(vni);
  if (!segment) return Out::unknown_vni;
  if (!segment->admits(peer)) {
    // Of a learnt peer, for the control side to see to; a configured one has what it was given.
    const Peer* known = learning_ && segment->learns_peers ? learning_->peers.find(peer) : nullptr;
    if (known) learning_->strangers.note({known->address, vni});
    return Out::peer_not_in_segment;
  }
  seen.segment = segment;
  return Out::inner;
}

}  // namespace butterfly
