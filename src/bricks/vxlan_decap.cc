// SPDX-License-Identifier: Apache-2.0
#include "bricks/vxlan_decap.h"

namespace butterfly {

VxlanDecap::Out VxlanDecap::check(Vni vni, PeerId peer, Seen& seen) const noexcept {
  const Segment* segment = segments_.find(vni);
  if (!segment) return Out::unknown_vni;
  if (!segment->admits(peer)) return Out::peer_not_in_segment;
  seen.segment = segment;
  return Out::inner;
}

}  // namespace butterfly
