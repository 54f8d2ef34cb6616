// SPDX-License-Identifier: Apache-2.0
// DPDK decides when a file is compiled whether walking a graph counts; both ways are wanted here.
#pragma once

struct rte_graph;

namespace butterfly::bench {

void walk_with_counts(rte_graph* graph);
void walk_without_counts(rte_graph* graph);

}  // namespace butterfly::bench
