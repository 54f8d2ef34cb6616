// SPDX-License-Identifier: Apache-2.0
#include "graph/run_brick.h"

namespace butterfly::engine {

void push_out(Node& node, size_t out, Packet& packet, uint32_t length, Lcore& lcore) {
  count_out(node, out, length);
  if (Node* target = node.target(out)) {
    target->push(packet, lcore);
  } else {
    drop_at(node.index(), out, packet, lcore);
  }
}

}  // namespace butterfly::engine
